/* Markdown to nodes: the blocks of a document. CommonMark in what people write day to day,
 * with tables, task lists and strikethrough; raw HTML is text. */

import { appendInline } from './markdown-inline.js';

const DEPTH_MAX = 8;            /* lists and quotes within each other */
const COLUMNS_MAX = 64;

const MARKER = /^( *)([-*+]|\d{1,9}[.)])( +|$)/;
const FENCE = /^ {0,3}(`{3,}|~{3,})(.*)$/;
const QUOTE = /^ {0,3}> ?/;
const SETEXT = /^ {0,3}(?:=+|-+) *$/;

function indentOf(line) {
    return line.length - line.trimStart().length;
}

function isBlank(line) {
    return line.trim() === '';
}

function isRule(line) {
    if (indentOf(line) > 3) return false;
    const marks = line.replace(/ /g, '');
    return marks.length >= 3 && '-*_'.includes(marks[0]) && marks === marks[0].repeat(marks.length);
}

/* {level, text} of a line like "## Text ##", or null. */
function headingOf(line) {
    if (indentOf(line) > 3) return null;
    const text = line.trim();
    let level = 0;
    while (level < 7 && text[level] === '#') level++;
    if (level === 0 || level > 6 || (text.length > level && text[level] !== ' ')) return null;
    let end = text.length;
    while (end > level && text[end - 1] === '#') end--;
    if (end > level && text[end - 1] !== ' ') end = text.length;
    return { level, text: text.slice(level, end).trim() };
}

function fenceOf(line) {
    const found = FENCE.exec(line);
    if (!found || (found[1][0] === '`' && found[2].includes('`'))) return null;
    return { mark: found[1][0], length: found[1].length, indent: indentOf(line), language: found[2].trim().split(' ')[0] };
}

function isFenceEnd(line, fence) {
    const text = line.trim();
    return indentOf(line) <= 3 && text.length >= fence.length && text === fence.mark.repeat(text.length);
}

/* How a list item begins, or null: its kind, where its text begins, its number. */
function markerOf(line) {
    const found = MARKER.exec(line);
    if (!found || found[1].length > 3 || isRule(line)) return null;
    const isEmpty = found[3] === '';
    const spaces = isEmpty || found[3].length > 4 ? 1 : found[3].length;
    return {
        kind: found[2].slice(-1),
        isOrdered: found[2].length > 1,
        number: found[2].length > 1 ? parseInt(found[2], 10) : 1,
        indent: found[1].length,
        content: found[1].length + found[2].length + spaces,
        isEmpty,
    };
}

/* Whether a line ends the paragraph before it. */
function endsParagraph(line) {
    if (isBlank(line) || fenceOf(line) || headingOf(line) || isRule(line) || QUOTE.test(line)) return true;
    const marker = markerOf(line);
    return marker !== null && !marker.isEmpty && (!marker.isOrdered || marker.number === 1);
}

/* The cells of a table row; a bar after a backslash is part of the text. */
function cellsOf(line) {
    const cells = [''];
    const text = line.trim();
    for (let at = 0; at < text.length; at++) {
        if (text[at] === '\\' && text[at + 1] === '|') {
            cells[cells.length - 1] += '|';
            at++;
        } else if (text[at] === '|') {
            cells.push('');
        } else {
            cells[cells.length - 1] += text[at];
        }
    }
    if (cells[0].trim() === '') cells.shift();
    if (cells.length > 1 && cells[cells.length - 1].trim() === '') cells.pop();
    return cells.map((cell) => cell.trim());
}

/* The alignments of the columns when these two lines begin a table, else null. */
function tableOf(line, next) {
    if (next === undefined || !line.includes('|') || !next.includes('-') || !/^[ |:-]+$/.test(next)) return null;
    const rules = cellsOf(next);
    if (!rules.every((rule) => /^:?-+:?$/.test(rule))) return null;
    if (rules.length > COLUMNS_MAX || cellsOf(line).length !== rules.length) return null;
    return rules.map((rule) => {
        if (rule.endsWith(':')) return rule.startsWith(':') ? 'center' : 'right';
        return 'left';
    });
}

class Blocks {
    constructor() {
        this.names = new Map();
    }

    /* Blocks of `lines` into `parent`; in a tight list paragraphs stand without their own element. */
    read(lines, parent, depth, isTight) {
        let at = 0;
        while (at < lines.length) {
            const line = lines[at];
            const heading = headingOf(line);
            const fence = fenceOf(line);
            const alignments = tableOf(line, lines[at + 1]);
            if (isBlank(line)) at++;
            else if (indentOf(line) >= 4) at = this.indented(lines, at, parent);
            else if (fence) at = this.fenced(lines, at, parent, fence);
            else if (heading) at = this.heading(heading.level, heading.text, parent, at + 1);
            else if (isRule(line)) at = this.rule(parent, at);
            else if (QUOTE.test(line) && depth < DEPTH_MAX) at = this.quote(lines, at, parent, depth);
            else if (markerOf(line) && depth < DEPTH_MAX) at = this.list(lines, at, parent, depth);
            else if (alignments) at = this.table(lines, at, parent, alignments);
            else at = this.paragraph(lines, at, parent, isTight);
        }
    }

    indented(lines, from, parent) {
        let to = from;
        let last = from;
        for (; to < lines.length && (isBlank(lines[to]) || indentOf(lines[to]) >= 4); to++) {
            if (!isBlank(lines[to])) last = to;
        }
        this.code(lines.slice(from, last + 1).map((line) => line.slice(4)), '', parent);
        return last + 1;
    }

    fenced(lines, from, parent, fence) {
        let to = from + 1;
        while (to < lines.length && !isFenceEnd(lines[to], fence)) to++;
        const content = lines.slice(from + 1, to)
            .map((line) => line.slice(Math.min(fence.indent, indentOf(line))));
        this.code(content, fence.language, parent);
        return to + 1;
    }

    code(lines, language, parent) {
        const block = document.createElement('pre');
        const code = document.createElement('code');
        code.textContent = lines.length > 0 ? `${lines.join('\n')}\n` : '';
        if (/^[\w+#.-]{1,30}$/.test(language)) code.dataset.language = language;
        block.tabIndex = 0;
        block.append(code);
        parent.append(block);
    }

    heading(level, text, parent, next) {
        const heading = document.createElement(`h${level}`);
        appendInline(heading, text);
        const slug = heading.textContent.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, '').trim().replace(/\s/g, '-');
        const count = this.names.get(slug) || 0;
        this.names.set(slug, count + 1);
        heading.id = `doc-${slug}${count > 0 ? `-${count}` : ''}`;
        parent.append(heading);
        return next;
    }

    rule(parent, at) {
        parent.append(document.createElement('hr'));
        return at + 1;
    }

    quote(lines, from, parent, depth) {
        const inner = [];
        let at = from;
        let isText = false;     /* whether a paragraph may go on without its mark */
        for (; at < lines.length; at++) {
            const mark = QUOTE.exec(lines[at]);
            if (!mark && !(isText && !endsParagraph(lines[at]))) break;
            const line = mark ? lines[at].slice(mark[0].length) : lines[at];
            isText = !isBlank(line) && indentOf(line) < 4 && !fenceOf(line) && !headingOf(line) && !isRule(line);
            inner.push(line);
        }
        const quote = document.createElement('blockquote');
        this.read(inner, quote, depth + 1, false);
        parent.append(quote);
        return at;
    }

    list(lines, from, parent, depth) {
        const first = markerOf(lines[from]);
        const items = [];
        let isLoose = false;
        let at = from;
        while (at < lines.length) {
            const marker = markerOf(lines[at]);
            if (!marker || marker.kind !== first.kind || marker.isOrdered !== first.isOrdered) break;
            const item = this.item(lines, at, marker);
            items.push(item.lines);
            at = item.end;
            const goesOn = at < lines.length && markerOf(lines[at]) !== null && markerOf(lines[at]).kind === first.kind;
            if (item.isLoose || (item.hasBlankEnd && goesOn)) isLoose = true;
        }
        const list = document.createElement(first.isOrdered ? 'ol' : 'ul');
        if (first.isOrdered && first.number !== 1) list.start = first.number;
        for (const item of items) list.append(this.itemView(item, depth, !isLoose));
        parent.append(list);
        return at;
    }

    /* The lines of one item without their indent, and where the next block begins. */
    item(lines, from, marker) {
        const inner = [lines[from].slice(marker.content)];
        let isLoose = false;
        let blanks = 0;
        let fence = fenceOf(inner[0]);
        let at = from + 1;
        for (; at < lines.length; at++) {
            const line = lines[at];
            if (isBlank(line)) {
                blanks++;
                continue;
            }
            const indent = indentOf(line);
            const isInside = indent >= marker.content || (indent >= marker.indent + 2 && MARKER.test(line.trimStart()));
            if (!isInside && (blanks > 0 || fence || endsParagraph(line) || markerOf(line))) break;
            const text = isInside ? line.slice(Math.min(indent, marker.content)) : line.trimStart();
            if (blanks > 0 && !fence && indentOf(text) === 0) isLoose = true;
            for (; blanks > 0; blanks--) inner.push('');
            if (fence) fence = isFenceEnd(text, fence) ? null : fence;
            else fence = fenceOf(text);
            inner.push(text);
        }
        return { lines: inner, end: at, isLoose, hasBlankEnd: blanks > 0 };
    }

    itemView(lines, depth, isTight) {
        const item = document.createElement('li');
        const task = /^\[([ xX])\] (?=\S)/.exec(lines[0]);
        let inner = lines;
        if (task) {
            const box = document.createElement('input');
            box.type = 'checkbox';
            box.disabled = true;
            box.checked = task[1] !== ' ';
            box.setAttribute('aria-label', box.checked ? 'Done' : 'Not done');
            item.className = 'task-item';
            item.append(box, ' ');
            inner = [lines[0].slice(task[0].length), ...lines.slice(1)];
        }
        this.read(inner, item, depth + 1, isTight);
        return item;
    }

    table(lines, from, parent, alignments) {
        const row = (cells, tag) => {
            const line = document.createElement('tr');
            alignments.forEach((alignment, index) => {
                const cell = document.createElement(tag);
                if (alignment !== 'left') cell.className = `align-${alignment}`;
                appendInline(cell, cells[index] || '');
                line.append(cell);
            });
            return line;
        };
        const head = document.createElement('thead');
        const body = document.createElement('tbody');
        head.append(row(cellsOf(lines[from]), 'th'));
        let at = from + 2;
        for (; at < lines.length && lines[at].includes('|') && !endsParagraph(lines[at]); at++) {
            body.append(row(cellsOf(lines[at]), 'td'));
        }
        const table = document.createElement('table');
        table.append(head, body);
        const frame = document.createElement('div');
        frame.className = 'table-frame';
        frame.tabIndex = 0;
        frame.append(table);
        parent.append(frame);
        return at;
    }

    paragraph(lines, from, parent, isTight) {
        let at = from + 1;
        while (at < lines.length && !SETEXT.test(lines[at]) && !endsParagraph(lines[at]) &&
               !tableOf(lines[at], lines[at + 1])) at++;
        const text = lines.slice(from, at).map((line) => line.trimStart()).join('\n').trimEnd();
        if (at < lines.length && SETEXT.test(lines[at])) {
            return this.heading(lines[at].includes('=') ? 1 : 2, text, parent, at + 1);
        }
        if (isTight) {
            appendInline(parent, text);
        } else {
            const paragraph = document.createElement('p');
            appendInline(paragraph, text);
            parent.append(paragraph);
        }
        return at;
    }
}

/* Tabs before the text count to the next multiple of four. */
function untab(line) {
    const space = /^[ \t]*/.exec(line)[0];
    if (!space.includes('\t')) return line;
    let indent = 0;
    for (const character of space) indent += character === '\t' ? 4 - (indent % 4) : 1;
    return ' '.repeat(indent) + line.slice(space.length);
}

export function renderMarkdown(text) {
    const fragment = document.createDocumentFragment();
    const lines = text.replace(/\0/g, '\ufffd').split(/\r\n|\r|\n/).map(untab);
    new Blocks().read(lines, fragment, 0, false);
    return fragment;
}
