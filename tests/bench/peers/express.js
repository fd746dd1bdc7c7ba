'use strict';
/* The peer: the same GET of one app from SQLite, as an Express prototype would do it.
 *   node express.js PORT APP.json                                                          */
const fs = require('fs');
const express = require('express');
const helmet = require('helmet');
const Database = require('better-sqlite3');

const [port, file] = process.argv.slice(2);
const app = JSON.parse(fs.readFileSync(file, 'utf8'));
const db = new Database(':memory:');
db.exec('CREATE TABLE apps (id TEXT PRIMARY KEY, name TEXT, prompt TEXT, status TEXT, preview_url TEXT,' +
  ' code TEXT, metadata TEXT, version INTEGER, created_at TEXT, updated_at TEXT)');
db.prepare('INSERT INTO apps VALUES (?,?,?,?,?,?,?,?,?,?)').run(app.id, app.name, app.prompt, app.status,
  app.previewUrl, JSON.stringify(app.code), JSON.stringify(app.metadata || {}), app.version,
  app.createdAt, app.updatedAt);
const find = db.prepare('SELECT * FROM apps WHERE id = ?');

const server = express();
server.use(helmet());
server.get('/api/apps/:id', (request, response) => {
  const row = find.get(request.params.id);
  if (!row) return response.status(404).json({ error: 'App not found' });
  return response.json({ id: row.id, name: row.name, prompt: row.prompt, status: row.status,
    previewUrl: row.preview_url, code: JSON.parse(row.code), metadata: JSON.parse(row.metadata),
    version: row.version, createdAt: row.created_at, updatedAt: row.updated_at });
});
server.listen(Number(port), '127.0.0.1', () => console.log('ready'));
