// One Socket.IO room as its documentation shows it, at its fastest: WebSocket only, no compression, one broadcast and
// one acknowledgement a message, nothing kept. It does less than Homeroom: no token, no journal, no order promised.
// Usage: node server.mjs PORT. Prints "ready" when it listens.
import { createServer } from "node:http";
import { Server } from "socket.io";

const port = Number(process.argv[2]);
const http = createServer();
const io = new Server(http, { transports: ["websocket"], perMessageDeflate: false, serveClient: false });
let posted = 0;

io.on("connection", (socket) => {
  const by = socket.handshake.query.user;
  socket.join("lobby");
  socket.on("say", (message, acknowledge) => {
    const id = String(++posted);
    io.to("lobby").emit("message", { id, at: Date.now(), by, text: message.text });
    acknowledge({ id });
  });
});

http.listen(port, "127.0.0.1", () => console.log("ready"));
