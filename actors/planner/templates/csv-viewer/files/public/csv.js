/* Reading CSV as RFC 4180 has it: quoted fields may hold delimiters, quotes and line breaks. */

export const ROWS_MAX = 200_000;
export const COLUMNS_MAX = 500;
export const DELIMITERS = [',', ';', '\t', '|'];

const SAMPLE_CHARACTERS = 65_536;
const SAMPLE_ROWS = 60;
const SAMPLE_VALUES = 300;
const QUOTE = '"';
const LF = 10;
const CR = 13;

/* Gives {rows, unclosedRow, isCut}: rows of fields as text; the number of the row with a quote
 * that never ends, or 0; and whether there were more than `rowsMax` rows. */
export function parseCsv(text, delimiter = ',', rowsMax = ROWS_MAX) {
    const stop = delimiter.charCodeAt(0);
    const end = text.length;
    const rows = [];
    let row = [];
    let at = text.charCodeAt(0) === 0xfeff ? 1 : 0;
    let unclosedRow = 0;
    let isOpen = false;         /* whether a field is still to come in this row */

    const plainEnd = (from) => {
        let to = from;
        for (; to < end; to++) {
            const code = text.charCodeAt(to);
            if (code === stop || code === LF || code === CR) break;
        }
        return to;
    };

    while (at < end || isOpen) {
        if (rows.length === rowsMax) return { rows, unclosedRow, isCut: true };
        let field = '';
        let from = at;
        if (text[at] === QUOTE) {
            from = at + 1;
            for (;;) {
                const quote = text.indexOf(QUOTE, from);
                if (quote < 0) {
                    field += text.slice(from);
                    from = end;
                    unclosedRow = unclosedRow || rows.length + 1;
                    break;
                }
                field += text.slice(from, quote);
                from = quote + 1;
                if (text[from] !== QUOTE) break;
                field += QUOTE;
                from++;
            }
        }
        const to = plainEnd(from);      /* after a closing quote there should be nothing left */
        row.push(field + text.slice(from, to));
        if (row.length > COLUMNS_MAX) {
            throw new Error(`Row ${rows.length + 1} has more than ${COLUMNS_MAX} columns. Choose another delimiter or a narrower table.`);
        }
        isOpen = text.charCodeAt(to) === stop && to < end;
        at = to + 1;
        if (isOpen) continue;
        if (text.charCodeAt(to) === CR && text.charCodeAt(at) === LF) at++;
        rows.push(row);
        row = [];
    }
    return { rows, unclosedRow, isCut: false };
}

/* The delimiter with which most rows of the beginning have the same number of fields. */
export function detectDelimiter(text) {
    const sample = text.slice(0, SAMPLE_CHARACTERS);
    let best = { delimiter: ',', share: 0, columns: 1 };
    for (const delimiter of DELIMITERS) {
        const { share, columns } = evenness(sample, delimiter, sample.length < text.length);
        if (columns > 1 && (share > best.share || (share === best.share && columns > best.columns))) {
            best = { delimiter, share, columns };
        }
    }
    return best.delimiter;
}

function evenness(sample, delimiter, isCut) {
    let rows;
    try {
        rows = parseCsv(sample, delimiter, SAMPLE_ROWS).rows;
    } catch {
        return { share: 0, columns: 1 };
    }
    if (isCut && rows.length > 1) rows = rows.slice(0, -1);
    rows = rows.filter((row) => !isBlank(row));
    const counts = new Map();
    for (const row of rows) counts.set(row.length, (counts.get(row.length) || 0) + 1);
    let columns = 1;
    let share = 0;
    for (const [length, count] of counts) {
        if (length > 1 && count / rows.length > share) [columns, share] = [length, count / rows.length];
    }
    return { share, columns };
}

export function isBlank(row) {
    return row.length === 1 && row[0].trim() === '';
}

/* A number as people write it, or NaN: 1,234.50  -3  12 %  $9.99  (4.00) */
export function toNumber(text) {
    const clean = text.trim();
    if (clean.length > 40) return NaN;
    if (!/^[-+]?\(?[-+]?[$€£¥]?\s?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?(?:e[-+]?\d{1,3})?\s?[%$€£¥]?\)?$/i.test(clean) ||
        !/\d/.test(clean)) return NaN;
    const number = Number(clean.replace(/[$€£¥%,()\s]/g, ''));
    return clean.startsWith('(') ? -number : number;
}

/* A whole table: header, body rows (blank lines left out), columns with width and kind. */
export function readTable(text, options = {}) {
    const delimiter = options.delimiter || detectDelimiter(text);
    const parsed = parseCsv(text, delimiter);
    const rows = parsed.rows.filter((row) => !isBlank(row));
    const hasHeader = options.hasHeader !== false && rows.length > 0;
    const head = hasHeader ? rows[0] : [];
    const body = hasHeader ? rows.slice(1) : rows;
    let count = 0;
    for (const row of rows) count = Math.max(count, row.length);
    const columns = Array.from({ length: count }, (_, index) => describe(index, head, body));
    const uneven = rows.reduce((sum, row) => sum + (row.length === count ? 0 : 1), 0);
    return { delimiter, columns, rows: body, uneven, unclosedRow: parsed.unclosedRow, isCut: parsed.isCut };
}

function describe(index, head, body) {
    const name = (head[index] || '').trim() || `Column ${index + 1}`;
    let longest = name.length + 2;
    let filled = 0;
    let numbers = 0;
    const step = Math.max(1, Math.floor(body.length / SAMPLE_VALUES));
    for (let at = 0; at < body.length; at += step) {
        const value = body[at][index] || '';
        if (value.trim() === '') continue;
        filled++;
        longest = Math.max(longest, value.length);
        if (!Number.isNaN(toNumber(value))) numbers++;
    }
    return { name, characters: Math.min(Math.max(longest, 5), 44), isNumeric: filled > 0 && numbers / filled >= 0.8 };
}
