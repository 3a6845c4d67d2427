// What a person may do in a room, told before the server refuses it: the rules of `homeroom/actors/room.py`, as far as the page
// shows them. The server decides; this only spares the asking. Never here: the document, and what the buttons cause.

const ADMINS = new Set(["super_admin", "admin"]);
const STAFF = new Set(["super_admin", "admin", "teacher"]);
const FREE = { why: "", final: false };

/** Whether there is no such room, as far as one may know: none that one was in before. */
export const isAbsent = ({ state, gone }) => gone === "not_found" && !state;

/** Whether `user` may make a room. */
export const mayMake = (user) => STAFF.has(user.role);

/** Why `user` cannot write in `room` at `now` (server time), `""` when it can; `final`: waiting does not help. */
export function barrier(room, user, now) {
  const { state, gone } = room;
  if (isAbsent(room)) return { why: "There is no room here yet.", final: true };
  if (gone) return { why: "You cannot see this room any more.", final: true };
  if (!state) return FREE;
  if (state.ended) return { why: "This room has ended. It can still be read.", final: true };
  return { why: passing(state, user, now), final: false };
}

function passing({ chat, members }, user, now) {
  if ((chat.muted.get(user.id) ?? 0) > now) return "You are muted for a while.";
  if (STAFF.has(user.role)) return "";
  if (chat.mode === "announce") return "Only staff write here at the moment.";
  const ordinary = members.get(user.id)?.role === "member";
  return chat.mode === "moderated" && ordinary ? "Only moderators write here at the moment." : "";
}

/** What `user` may do with a message: answer it (with a message or an emoji), edit it, delete it. */
export function mayDo(room, user, message) {
  const { state, gone } = room;
  if (gone || state.ended) return { answer: false, edit: false, retract: false };
  const part = state.members.get(user.id)?.role;
  const moderates = ADMINS.has(user.role) || part === "owner" || part === "moderator";
  const own = message.by === user.id;
  return { answer: true, edit: own && !message.retracted, retract: own || moderates };
}
