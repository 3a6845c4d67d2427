"""Where it meets the world: the listener, the WebSocket gateway, REST, and authentication."""
