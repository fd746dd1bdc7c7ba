'use strict';
/* The documents: one file on disk for each, all of them in memory, every change with a revision. */

const crypto = require('node:crypto');
const fs = require('node:fs/promises');
const path = require('node:path');
const { DATA_DIR, writeWhole } = require('./json-file.js');
const { Refusal } = require('./web.js');

const COUNT_MAX = 200;
const TITLE_CHARACTERS_MAX = 120;
const TEXT_CHARACTERS_MAX = 262_144;
const ALL_CHARACTERS_MAX = 16 * TEXT_CHARACTERS_MAX;
const FILE = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.json$/;

function isDocument(value, name) {
    return value !== null && typeof value === 'object' && `${value.id}.json` === name &&
        ['title', 'text', 'createdAt', 'updatedAt'].every((field) => typeof value[field] === 'string') &&
        Number.isSafeInteger(value.revision);
}

/* What the list shows of a document. */
function summary({ id, title, revision, createdAt, updatedAt }) {
    return { id, title, revision, createdAt, updatedAt };
}

function checkTitle(title) {
    if (typeof title !== 'string') throw new Refusal(400, 'The name must be text.');
    const clean = title.replace(/[\u0000-\u001f\u007f]/g, ' ').trim();
    if (clean === '') throw new Refusal(400, 'The document needs a name.');
    if (clean.length > TITLE_CHARACTERS_MAX) {
        throw new Refusal(400, `The name is too long: at most ${TITLE_CHARACTERS_MAX} characters.`);
    }
    return clean;
}

function checkText(text) {
    if (typeof text !== 'string') throw new Refusal(400, 'The text must be text.');
    if (text.length > TEXT_CHARACTERS_MAX) {
        throw new Refusal(413, `The document is too long: at most ${TEXT_CHARACTERS_MAX} characters. Move a part into another one.`);
    }
    return text;
}

class Documents {
    constructor() {
        this.directory = path.join(DATA_DIR, 'documents');
        this.all = new Map();
        this.turn = Promise.resolve();
    }

    /* A file that cannot be read as a document is left where it is, and said. */
    async load() {
        await fs.mkdir(this.directory, { recursive: true });
        for (const name of await fs.readdir(this.directory)) {
            if (!FILE.test(name)) continue;
            try {
                const value = JSON.parse(await fs.readFile(path.join(this.directory, name), 'utf8'));
                if (!isDocument(value, name)) throw new Error('not a document');
                this.all.set(value.id, value);
            } catch (error) {
                console.error(`document_not_read file=${name} error=${error.message}`);
            }
        }
        return this;
    }

    list() {
        return [...this.all.values()].map(summary);
    }

    find(id) {
        const found = this.all.get(id);
        if (!found) throw new Refusal(404, 'This document is no longer there.');
        return found;
    }

    place(id) {
        return path.join(this.directory, `${id}.json`);
    }

    /* One change at a time, so that what was checked is still so when it is written. */
    inTurn(change) {
        const done = this.turn.then(change);
        this.turn = done.catch(() => {});
        return done;
    }

    async keep(next) {
        let characters = next.text.length;
        for (const other of this.all.values()) if (other.id !== next.id) characters += other.text.length;
        if (characters > ALL_CHARACTERS_MAX) {
            throw new Refusal(409, 'The documents together are too large. Delete one first.');
        }
        await writeWhole(this.place(next.id), JSON.stringify(next));
        this.all.set(next.id, next);
        return next;
    }

    create({ title, text }) {
        return this.inTurn(async () => {
            if (this.all.size >= COUNT_MAX) {
                throw new Refusal(409, `There are ${COUNT_MAX} documents already. Delete one first.`);
            }
            const now = new Date().toISOString();
            return this.keep({ id: crypto.randomUUID(), title: checkTitle(title), text: checkText(text === undefined ? '' : text),
                               revision: 1, createdAt: now, updatedAt: now });
        });
    }

    /* `revision` is the one the writer saw; another one in between is not overwritten. */
    change(id, { title, text, revision }) {
        return this.inTurn(async () => {
            const before = this.find(id);
            if (revision !== before.revision) {
                throw new Refusal(409, 'This document was changed somewhere else in the meantime.', { revision: before.revision });
            }
            return summary(await this.keep({ ...before, title: checkTitle(title), text: checkText(text),
                                             revision: before.revision + 1, updatedAt: new Date().toISOString() }));
        });
    }

    remove(id) {
        return this.inTurn(async () => {
            const gone = this.find(id);
            await fs.rm(this.place(id), { force: true });
            this.all.delete(id);
            return summary(gone);
        });
    }
}

module.exports = { Documents };
