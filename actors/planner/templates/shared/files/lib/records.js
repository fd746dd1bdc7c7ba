'use strict';
/* A list of records of one kind behind a JSON API: checked, bounded, kept in one file. */

const crypto = require('node:crypto');
const { JsonFile } = require('./json-file.js');
const { Refusal, readJson } = require('./web.js');

const BODY_BYTES_MAX = 65_536;
const RESTORE_BYTES_MAX = 8_388_608;
const ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

function isDay(text) {
    if (!/^(?:19|20)\d\d-\d\d-\d\d$/.test(text)) return false;
    const time = Date.parse(`${text}T00:00:00Z`);
    return !Number.isNaN(time) && new Date(time).toISOString().slice(0, 10) === text;
}

/* Each kind returns the clean value or throws a sentence. */
const KINDS = {
    text(value, field) {
        if (typeof value !== 'string') throw new Refusal(400, `${field.label} must be text.`);
        const clean = value.replace(/\r\n?/g, '\n').trim();
        if (clean.length < field.min) throw new Refusal(400, `${field.label} must not be empty.`);
        if (clean.length > field.max) {
            throw new Refusal(400, `${field.label} is too long: at most ${field.max} characters.`);
        }
        return clean;
    },
    flag(value, field) {
        if (typeof value !== 'boolean') throw new Refusal(400, `${field.label} must be true or false.`);
        return value;
    },
    day(value, field) {
        if (value === '' && field.empty) return '';
        if (typeof value !== 'string' || !isDay(value)) {
            throw new Refusal(400, `${field.label} must be a date from 1900 to 2099.`);
        }
        return value;
    },
    money(value, field) {
        if (typeof value !== 'number' || !Number.isFinite(value) || Math.abs(value) > field.max) {
            throw new Refusal(400, `${field.label} must be a number between -${field.max} and ${field.max}.`);
        }
        return Math.round(value * 100) / 100;
    },
};

class Records {
    /* fields: {name: {kind, label, ..., initial?}}; a field without `initial` must be given. */
    constructor(options) {
        this.fields = options.fields;
        this.countMax = options.countMax;
        this.noun = options.noun;
        this.file = new JsonFile(options.file, [], Array.isArray);
    }

    async load() {
        await this.file.load();
        return this;
    }

    get all() {
        return this.file.value;
    }

    checkNames(input, more) {
        for (const name of Object.keys(input)) {
            if (!Object.hasOwn(this.fields, name) && !more.includes(name)) {
                throw new Refusal(400, 'The request has a field that is not known here.');
            }
        }
    }

    /* Given fields only when `partial`, else all of them. */
    clean(input, partial) {
        const values = {};
        for (const [name, field] of Object.entries(this.fields)) {
            let value = input[name];
            if (value === undefined) {
                if (partial) continue;
                if (field.initial === undefined) throw new Refusal(400, `${field.label} is missing.`);
                value = field.initial;
            }
            values[name] = KINDS[field.kind](value, field);
        }
        return values;
    }

    checkRoom(count) {
        if (count > this.countMax) {
            throw new Refusal(409, `The list is full (${this.countMax}). Delete something first.`);
        }
    }

    async add(input) {
        const [record] = await this.addAll([input]);
        return record;
    }

    addAll(inputs) {
        const now = new Date().toISOString();
        const records = inputs.map((input) => {
            this.checkNames(input, []);
            return { id: crypto.randomUUID(), ...this.clean(input, false), createdAt: now, updatedAt: now };
        });
        return this.file.update((all) => {
            this.checkRoom(all.length + records.length);
            return { next: [...all, ...records], result: records };
        });
    }

    change(id, input) {
        this.checkNames(input, []);
        const values = this.clean(input, true);
        return this.file.update((all) => {
            const at = this.find(all, id);
            const record = { ...all[at], ...values, updatedAt: new Date().toISOString() };
            return { next: [...all.slice(0, at), record, ...all.slice(at + 1)], result: record };
        });
    }

    find(all, id) {
        const at = all.findIndex((record) => record.id === id);
        if (at < 0) throw new Refusal(404, `This ${this.noun} is no longer there.`);
        return at;
    }

    remove(id) {
        return this.file.update((all) => {
            const at = this.find(all, id);
            return { next: all.filter((record) => record.id !== id), result: [all[at]] };
        });
    }

    /* Removes all that `isGone` names and gives them back, so that it can be undone. */
    removeWhere(isGone) {
        return this.file.update((all) => ({
            next: all.filter((record) => !isGone(record)),
            result: all.filter(isGone),
        }));
    }

    /* Puts deleted records back as they were; those that are still there stay untouched. */
    restore(input) {
        if (!Array.isArray(input.records) || input.records.length > this.countMax) {
            throw new Refusal(400, 'The records to restore must be a list.');
        }
        const records = input.records.map((record) => this.checkWhole(record));
        return this.file.update((all) => {
            const known = new Set(all.map((record) => record.id));
            const back = [];
            for (const record of records) {
                if (!known.has(record.id)) back.push(record);
                known.add(record.id);
            }
            this.checkRoom(all.length + back.length);
            const next = [...all, ...back].sort((a, b) => (a.createdAt < b.createdAt ? -1
                : a.createdAt > b.createdAt ? 1 : 0));
            return { next, result: back };
        });
    }

    checkWhole(record) {
        const isText = (name, shape) => typeof record[name] === 'string' && shape.test(record[name]);
        if (record === null || typeof record !== 'object' || !isText('id', ID) ||
            !isText('createdAt', INSTANT) || !isText('updatedAt', INSTANT)) {
            throw new Refusal(400, 'A record to restore is not complete.');
        }
        this.checkNames(record, ['id', 'createdAt', 'updatedAt']);
        return { id: record.id, ...this.clean(record, false),
                 createdAt: record.createdAt, updatedAt: record.updatedAt };
    }

    /* GET and POST on /api/<name>, PATCH and DELETE on one record, POST .../restore. */
    routes(name) {
        const list = new RegExp(`^/api/${name}$`);
        const one = new RegExp(`^/api/${name}/([0-9a-f-]{36})$`);
        const restore = new RegExp(`^/api/${name}/restore$`);
        return [
            { method: 'GET', path: list, run: async () => ({ json: { records: this.all } }) },
            { method: 'POST', path: list, run: async ({ request }) => (
                { status: 201, json: await this.add(await readJson(request, BODY_BYTES_MAX)) }) },
            { method: 'PATCH', path: one, run: async ({ request, id }) => (
                { json: await this.change(id, await readJson(request, BODY_BYTES_MAX)) }) },
            { method: 'DELETE', path: one, run: async ({ id }) => (
                { json: { records: await this.remove(id) } }) },
            { method: 'POST', path: restore, run: async ({ request }) => (
                { json: { records: await this.restore(await readJson(request, RESTORE_BYTES_MAX)) } }) },
        ];
    }
}

/* Records as CSV, for a spreadsheet. */
function toCsv(names, records) {
    const cell = (value) => {
        const text = String(value);
        return /[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
    };
    const lines = [names, ...records.map((record) => names.map((name) => record[name]))];
    return lines.map((line) => line.map(cell).join(',') + '\r\n').join('');
}

module.exports = { Records, toCsv };
