'use strict';
/* The uploaded files: an index of what there is, and one file on disk for each text. */

const crypto = require('node:crypto');
const fs = require('node:fs/promises');
const path = require('node:path');
const { DATA_DIR, JsonFile, writeWhole } = require('./json-file.js');
const { Refusal } = require('./web.js');

const FILE_BYTES_MAX = 8_388_608;
const ALL_BYTES_MAX = 5 * FILE_BYTES_MAX;
const COUNT_MAX = 20;
const NAME_CHARACTERS_MAX = 120;

class Shelf {
    constructor() {
        this.directory = path.join(DATA_DIR, 'files');
        this.index = new JsonFile('files.json', [], Array.isArray);
    }

    /* Texts which the index does not name are left from an upload that did not end. */
    async load() {
        await this.index.load();
        await fs.mkdir(this.directory, { recursive: true });
        const known = new Set(this.list().map((file) => `${file.id}.csv`));
        for (const name of await fs.readdir(this.directory)) {
            if (!known.has(name)) await fs.rm(path.join(this.directory, name), { force: true });
        }
        return this;
    }

    list() {
        return this.index.value;
    }

    find(id) {
        const file = this.list().find((candidate) => candidate.id === id);
        if (!file) throw new Refusal(404, 'This file is no longer there.');
        return file;
    }

    place(id) {
        return path.join(this.directory, `${id}.csv`);
    }

    checkRoom(files, bytes) {
        if (files.length >= COUNT_MAX) {
            throw new Refusal(409, `There are ${COUNT_MAX} files already. Remove one first.`);
        }
        if (files.reduce((sum, file) => sum + file.bytes, bytes) > ALL_BYTES_MAX) {
            throw new Refusal(409, 'The files together would be too large. Remove one first.');
        }
    }

    async add(name, text) {
        const file = { id: crypto.randomUUID(), name: checkName(name),
                       bytes: Buffer.byteLength(text), createdAt: new Date().toISOString() };
        if (text.trim() === '') throw new Refusal(400, 'This file is empty. Choose one with content.');
        if (text.includes('\0')) throw new Refusal(400, 'This is not a text file. Save the table as CSV first.');
        return this.index.update(async (files) => {
            this.checkRoom(files, file.bytes);
            await writeWhole(this.place(file.id), text);
            return { next: [...files, file], result: file };
        });
    }

    async text(id) {
        return fs.readFile(this.place(this.find(id).id), 'utf8');
    }

    async remove(id) {
        const file = await this.index.update((files) => {
            const gone = this.find(id);
            return { next: files.filter((other) => other.id !== id), result: gone };
        });
        await fs.rm(this.place(file.id), { force: true });
        return file;
    }
}

function checkName(name) {
    const clean = (name || '').replace(/[\u0000-\u001f\u007f/\\]/g, ' ').trim();
    if (clean === '') throw new Refusal(400, 'The file needs a name.');
    if (clean.length > NAME_CHARACTERS_MAX) {
        throw new Refusal(400, `The name is too long: at most ${NAME_CHARACTERS_MAX} characters.`);
    }
    return clean;
}

module.exports = { FILE_BYTES_MAX, Shelf };
