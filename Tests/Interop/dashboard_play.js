// Runs the client of document 004 as it is printed; usage: dashboard_play.js CLIENT.ts TOKEN
//
// What the print leaves to its reader is added from outside: `generateId`, and the three methods that it calls and does not
// have. They do what their names say, and nothing else.
'use strict';

const fs = require('node:fs');
const { randomUUID } = require('node:crypto');
const { stripTypes } = require('./strip_types.js');

const source = stripTypes(fs.readFileSync(process.argv[2], 'utf8'));
const token = process.argv[3];
const make = new Function('generateId', source + '\nreturn DashboardWebSocket;');
const DashboardWebSocket = make(randomUUID);

let reconnects = 0;
DashboardWebSocket.prototype.send = function (message) {
  this.ws.send(JSON.stringify(message));
};
DashboardWebSocket.prototype.reconnect = function () {
  reconnects += 1;
};

const seen = [];
DashboardWebSocket.prototype.handleMessage = function (message) {
  seen.push(message);
  console.log(JSON.stringify(message));
  if (message.type === 'connection:status') {
    this.send({
      type: 'agent:create',
      payload: { name: 'printed', model: 'claude-3-opus', workspace: 'printed' },
    });
  }
  if (message.type === 'agent:created') this.sendCommand(message.payload.agentId, 'echo from the printed client');
  if (message.type === 'agent:output' && message.payload.data.includes('printed client')) {
    this.send({ type: 'agent:terminate', payload: { agentId: message.payload.agentId } });
  }
  if (message.type === 'agent:status' && message.payload.status === 'stopped') {
    console.log('DONE');
    this.ws.close();
  }
};

const client = new DashboardWebSocket();
client.connect(token);
setTimeout(() => {
  console.log('LATE');
  process.exit(1);
}, 30000).unref();
