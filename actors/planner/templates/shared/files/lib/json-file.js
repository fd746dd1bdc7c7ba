'use strict';
/* One JSON document on disk. A change is either wholly on disk or did not happen. */

const fs = require('node:fs/promises');
const path = require('node:path');

const DATA_DIR = path.resolve(process.env.DATA_DIR || path.join(__dirname, '..', 'data'));

async function syncDirectory(directory) {
    const handle = await fs.open(directory, 'r');
    try {
        await handle.sync();
    } finally {
        await handle.close();
    }
}

/* Writes beside the file, flushes, renames over it: a reader sees the old or the new whole. */
async function writeWhole(file, text) {
    const next = `${file}.tmp`;
    try {
        const handle = await fs.open(next, 'w', 0o600);
        try {
            await handle.writeFile(text, 'utf8');
            await handle.sync();
        } finally {
            await handle.close();
        }
        await fs.rename(next, file);
    } catch (error) {
        await fs.rm(next, { force: true });
        throw error;
    }
    await syncDirectory(path.dirname(file));
}

class JsonFile {
    /* `isValid` looks at what was read; a file it does not know is kept aside, never overwritten. */
    constructor(name, empty, isValid) {
        this.file = path.join(DATA_DIR, name);
        this.value = empty;
        this.isValid = isValid;
        this.turn = Promise.resolve();
    }

    async load() {
        await fs.mkdir(DATA_DIR, { recursive: true });
        let text;
        try {
            text = await fs.readFile(this.file, 'utf8');
        } catch (error) {
            if (error.code === 'ENOENT') return this;
            throw error;
        }
        let value = null;
        try {
            value = JSON.parse(text);
        } catch {
            /* Treated below like any other content that is not ours. */
        }
        if (value !== null && this.isValid(value)) {
            this.value = value;
        } else {
            const aside = `${this.file}.unreadable-${Date.now()}`;
            await fs.rename(this.file, aside);
            console.error(`data_set_aside file=${path.basename(aside)}`);
        }
        return this;
    }

    /* Changes come one after another. `change` gets the value as it is and returns
     * {next, result}; it must not alter what it was given, and refuses by throwing. */
    update(change) {
        const done = this.turn.then(async () => {
            const { next, result } = await change(this.value);
            await writeWhole(this.file, JSON.stringify(next));
            this.value = next;
            return result;
        });
        this.turn = done.catch(() => {});
        return done;
    }
}

module.exports = { DATA_DIR, JsonFile, writeWhole };
