// Loaded before a script where node has no WebSocket of its own: Debian's node-ws takes its place.
globalThis.WebSocket = require(process.env.MAOS_NODE_WS || '/usr/share/nodejs/ws');
