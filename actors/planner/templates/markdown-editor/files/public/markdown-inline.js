/* The text inside a Markdown block: emphasis, code, links, images. Builds nodes, never markup,
 * so that HTML in a document is only ever shown as the text it is. */

const DEPTH_MAX = 30;
const MARKS_MAX = 4_000;        /* delimiters and brackets in one block; the rest is plain text */
const PARENTHESES_MAX = 32;
const ESCAPABLE = /[!-/:-@[-`{-~]/;
const PUNCTUATION = /[\p{P}\p{S}]/u;
const PLAIN = /[^\\`*_~[\]!<&\nhH]+/y;
const ANGLE_LINK = /<((?:https?:\/\/|mailto:)[^\s<>]{1,2000})>/iy;
const BARE_LINK = /https?:\/\/[^\s<>"`]{1,2000}/iy;
const ENTITY = /&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|([a-zA-Z]{2,8}));/y;
const ENTITIES = {
    amp: '&', lt: '<', gt: '>', quot: '"', apos: '\'', nbsp: '\u00a0', copy: '©', reg: '®', trade: '™',
    hellip: '…', mdash: '—', ndash: '–', laquo: '«', raquo: '»', times: '×', deg: '°', euro: '€',
    larr: '←', rarr: '→', middot: '·', para: '¶', sect: '§', plusmn: '±',
};

/* The address as it may be used in a link, or null: http, https, mailto, or without a scheme. */
export function safeLink(url) {
    const clean = url.trim();
    if (clean === '' || /[\u0000-\u001f\u007f]/.test(clean)) return null;
    const scheme = /^([^/?#:]*):/.exec(clean);
    if (scheme && !/^(?:https?|mailto)$/i.test(scheme[1])) return null;
    return clean;
}

function isInlineImage(url) {
    return /^data:image\/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=]+$/.test(url);
}

function linkTo(url, title) {
    const link = document.createElement('a');
    if (url.startsWith('#')) {
        link.href = `#doc-${url.slice(1).toLowerCase()}`;
    } else {
        link.href = url;
        link.target = '_blank';
        link.rel = 'noopener noreferrer';
    }
    if (title) link.title = title;
    return link;
}

class Inline {
    constructor(parent, text) {
        this.parent = parent;
        this.text = text;
        this.at = 0;
        this.buffer = '';
        this.isHardEnd = false;
        this.lastMark = null;       /* end of the linked list of emphasis delimiters */
        this.marks = 0;
        this.brackets = [];
        this.depths = new Map();
        this.tickRuns = null;
    }

    flush() {
        if (this.buffer === '') return;
        this.parent.append(this.buffer);
        this.buffer = '';
    }

    push(node) {
        this.flush();
        this.parent.append(node);
        return node;
    }

    match(pattern) {
        pattern.lastIndex = this.at;
        return pattern.exec(this.text);
    }

    run() {
        while (this.at < this.text.length) {
            const plain = this.match(PLAIN);
            if (plain) {
                this.plain(plain[0]);
            } else if (!this.special(this.text[this.at])) {
                this.buffer += this.text[this.at];
                this.at++;
            }
        }
        this.flush();
        this.pairMarks(null);
    }

    /* Spaces before a line end are not text; two of them make a break of it. */
    plain(text) {
        this.at += text.length;
        const isLineEnd = this.text[this.at] === '\n';
        this.isHardEnd = isLineEnd && text.endsWith('  ');
        this.buffer += isLineEnd ? text.trimEnd() : text;
    }

    /* Handles what begins at this character; false when it is only a character. */
    special(character) {
        switch (character) {
        case '\\': return this.escape();
        case '\n': return this.lineEnd();
        case '`': return this.code();
        case '*': case '_': case '~': return this.delimiter(character);
        case '!': return this.text[this.at + 1] === '[' && this.bracket('![');
        case '[': return this.bracket('[');
        case ']': return this.closeBracket();
        case '<': return this.angleLink();
        case '&': return this.entity();
        default: return this.bareLink();
        }
    }

    escape() {
        const next = this.text[this.at + 1];
        if (next === '\n') {
            this.at += 2;
            this.push(document.createElement('br'));
            return true;
        }
        if (next === undefined || !ESCAPABLE.test(next)) return false;
        this.buffer += next;
        this.at += 2;
        return true;
    }

    lineEnd() {
        if (this.isHardEnd) this.push(document.createElement('br'));
        else this.buffer += '\n';
        this.isHardEnd = false;
        this.at++;
        return true;
    }

    /* Where a run of `length` backticks begins after `from`; -1 when there is none. */
    closingTicks(length, from) {
        if (!this.tickRuns) {
            this.tickRuns = new Map();
            for (const found of this.text.matchAll(/`+/g)) {
                const runs = this.tickRuns.get(found[0].length) || { starts: [], next: 0 };
                runs.starts.push(found.index);
                this.tickRuns.set(found[0].length, runs);
            }
        }
        const runs = this.tickRuns.get(length);
        if (!runs) return -1;
        while (runs.next < runs.starts.length && runs.starts[runs.next] < from) runs.next++;
        return runs.next < runs.starts.length ? runs.starts[runs.next] : -1;
    }

    code() {
        let length = 1;
        while (this.text[this.at + length] === '`') length++;
        const from = this.at + length;
        const to = this.closingTicks(length, from);
        if (to < 0) {
            this.buffer += '`'.repeat(length);
            this.at = from;
            return true;
        }
        let content = this.text.slice(from, to).replace(/\n/g, ' ');
        if (content.startsWith(' ') && content.endsWith(' ') && content.trim() !== '') content = content.slice(1, -1);
        const node = document.createElement('code');
        node.textContent = content;
        this.push(node);
        this.at = to + length;
        return true;
    }

    delimiter(character) {
        let length = 1;
        while (this.text[this.at + length] === character) length++;
        const before = this.text[this.at - 1] || ' ';
        const after = this.text[this.at + length] || ' ';
        const isLeft = !/\s/.test(after) && (!PUNCTUATION.test(after) || /\s/.test(before) || PUNCTUATION.test(before));
        const isRight = !/\s/.test(before) && (!PUNCTUATION.test(before) || /\s/.test(after) || PUNCTUATION.test(after));
        const node = this.push(document.createTextNode(character.repeat(length)));
        this.at += length;
        if (this.marks++ >= MARKS_MAX || (character === '~' && length !== 2)) return true;
        const isWord = character === '_';
        const mark = {
            node, character, count: length, original: length, number: this.marks,
            canOpen: isLeft && (!isWord || !isRight || PUNCTUATION.test(before)),
            canClose: isRight && (!isWord || !isLeft || PUNCTUATION.test(after)),
            previous: this.lastMark, next: null,
        };
        if (this.lastMark) this.lastMark.next = mark;
        this.lastMark = mark;
        return true;
    }

    dropMark(mark) {
        if (mark.previous) mark.previous.next = mark.next;
        if (mark.next) mark.next.previous = mark.previous;
        else this.lastMark = mark.previous;
    }

    /* Pairs the delimiters after `bottom`, as CommonMark's "process emphasis" does. */
    pairMarks(bottom) {
        const lowest = new Map();
        let closer = bottom ? bottom.next : this.firstMark();
        while (closer) {
            if (!closer.canClose) {
                closer = closer.next;
                continue;
            }
            const key = `${closer.character}${closer.canOpen}${closer.original % 3}`;
            const floor = Math.max(lowest.get(key) || 0, bottom ? bottom.number : 0);
            const opener = this.openerOf(closer, floor);
            if (opener && this.wrap(opener, closer)) {
                if (closer.count > 0) continue;
                const next = closer.next;
                this.dropMark(closer);
                closer = next;
            } else {
                const next = closer.next;
                lowest.set(key, closer.number - 1);
                if (!closer.canOpen) this.dropMark(closer);
                closer = next;
            }
        }
        while (this.lastMark && this.lastMark !== bottom) this.dropMark(this.lastMark);
    }

    firstMark() {
        let mark = this.lastMark;
        while (mark && mark.previous) mark = mark.previous;
        return mark;
    }

    openerOf(closer, floor) {
        for (let mark = closer.previous; mark && mark.number > floor; mark = mark.previous) {
            if (mark.character !== closer.character || !mark.canOpen) continue;
            const isOdd = (closer.canOpen || mark.canClose) && closer.original % 3 !== 0 &&
                (mark.original + closer.original) % 3 === 0;
            if (!isOdd || mark.character === '~') return mark;
        }
        return null;
    }

    /* Puts what stands between two delimiters into an element; false when that nests too deep. */
    wrap(opener, closer) {
        let depth = 1;
        for (let node = opener.node.nextSibling; node !== closer.node; node = node.nextSibling) {
            depth = Math.max(depth, (this.depths.get(node) || 0) + 1);
        }
        if (depth > DEPTH_MAX) return false;
        const used = opener.count >= 2 && closer.count >= 2 ? 2 : 1;
        const name = opener.character === '~' ? 'del' : used === 2 ? 'strong' : 'em';
        const element = document.createElement(name);
        while (opener.node.nextSibling !== closer.node) element.append(opener.node.nextSibling);
        closer.node.before(element);
        this.depths.set(element, depth);
        while (closer.previous !== opener) this.dropMark(closer.previous);
        for (const mark of [opener, closer]) {
            mark.count -= used;
            mark.node.data = mark.character.repeat(mark.count);
            if (mark.count === 0) mark.node.remove();
        }
        if (opener.count === 0) this.dropMark(opener);
        return true;
    }

    bracket(opening) {
        if (this.brackets.length >= MARKS_MAX) return false;
        const node = this.push(document.createTextNode(opening));
        this.at += opening.length;
        this.brackets.push({ node, isImage: opening === '![', isActive: true, lastMark: this.lastMark });
        return true;
    }

    closeBracket() {
        const opener = this.brackets.pop();
        if (!opener || !opener.isActive) return false;
        const target = this.target(this.at + 1);
        if (!target) return false;
        this.flush();
        const element = opener.isImage ? this.image(opener, target) : this.link(target);
        if (!element) return false;
        this.pairMarks(opener.lastMark);
        const isPicture = element.localName === 'img';
        if (isPicture) element.alt = this.textAfter(opener.node);
        let depth = 1;
        while (opener.node.nextSibling) {
            const node = opener.node.nextSibling;
            depth = Math.max(depth, (this.depths.get(node) || 0) + 1);
            if (isPicture) node.remove();
            else element.append(node);
        }
        for (const inner of [...element.querySelectorAll('a')]) inner.replaceWith(...inner.childNodes);
        opener.node.replaceWith(element);
        this.depths.set(element, depth);
        if (!opener.isImage) this.endOuterLinks();
        this.at = target.end;
        return true;
    }

    /* A link may not stand within a link. */
    endOuterLinks() {
        for (let at = this.brackets.length - 1; at >= 0 && this.brackets[at].isActive; at--) {
            if (!this.brackets[at].isImage) this.brackets[at].isActive = false;
        }
    }

    link({ url, title }) {
        const safe = safeLink(url);
        return safe === null ? null : linkTo(safe, title);
    }

    /* Pictures inside the document are shown; those elsewhere are not fetched, but linked. */
    image(opener, { url, title }) {
        if (isInlineImage(url)) {
            const picture = document.createElement('img');
            picture.src = url;
            if (title) picture.title = title;
            return picture;
        }
        if (!/^https?:\/\//i.test(url) || safeLink(url) === null) return null;
        const link = linkTo(url, title);
        link.className = 'picture-link';
        if (this.textAfter(opener.node) === '') link.append(url);
        return link;
    }

    textAfter(node) {
        let text = '';
        for (let next = node.nextSibling; next; next = next.nextSibling) text += next.textContent;
        return text;
    }

    /* (address "title") right at `from`, or null. */
    target(from) {
        if (this.text[from] !== '(') return null;
        let at = this.skipSpace(from + 1);
        const address = this.text[at] === '<' ? this.angleAddress(at) : this.plainAddress(at);
        if (!address) return null;
        at = this.skipSpace(address.end);
        let title = '';
        const quote = this.text[at];
        if (at > address.end && (quote === '"' || quote === '\'')) {
            const end = this.text.indexOf(quote, at + 1);
            if (end < 0) return null;
            title = this.text.slice(at + 1, end);
            at = this.skipSpace(end + 1);
        }
        return this.text[at] === ')' ? { url: address.url, title, end: at + 1 } : null;
    }

    skipSpace(at) {
        let next = at;
        while (this.text[next] === ' ' || this.text[next] === '\n') next++;
        return next;
    }

    angleAddress(from) {
        const found = /<([^<>\n]*)>/y;
        found.lastIndex = from;
        const match = found.exec(this.text);
        return match ? { url: match[1], end: from + match[0].length } : null;
    }

    plainAddress(from) {
        let open = 0;
        let url = '';
        let at = from;
        for (; at < this.text.length; at++) {
            const character = this.text[at];
            if (character <= ' ') break;
            if (character === '\\' && ESCAPABLE.test(this.text[at + 1] || '')) {
                url += this.text[++at];
                continue;
            }
            if (character === '(' && ++open > PARENTHESES_MAX) return null;
            if (character === ')' && --open < 0) break;
            url += character;
        }
        return open > 0 ? null : { url, end: at };
    }

    angleLink() {
        const found = this.match(ANGLE_LINK);
        if (!found) return false;
        const link = linkTo(found[1], '');
        link.append(found[1].replace(/^mailto:/i, ''));
        this.push(link);
        this.at += found[0].length;
        return true;
    }

    bareLink() {
        if (/[\p{L}\p{N}]/u.test(this.text[this.at - 1] || ' ')) return false;
        const found = this.match(BARE_LINK);
        if (!found) return false;
        let url = found[0].replace(/[*_~]+$/, '');
        let end = url.length;
        let unopened = url.split(')').length - url.split('(').length;
        while (end > 0 && /[.,;:!?'"\])]/.test(url[end - 1])) {
            if (url[end - 1] === ')' && unopened-- <= 0) break;
            end--;
        }
        url = url.slice(0, end);
        const inner = url.indexOf('](');
        if (inner >= 0) url = url.slice(0, inner);
        if (!/^https?:\/\/./i.test(url)) return false;
        const link = linkTo(url, '');
        link.append(url);
        this.push(link);
        this.at += url.length;
        return true;
    }

    entity() {
        const found = this.match(ENTITY);
        if (!found) return false;
        let character;
        if (found[3]) {
            character = Object.hasOwn(ENTITIES, found[3]) ? ENTITIES[found[3]] : undefined;
        } else {
            const code = found[1] ? parseInt(found[1], 10) : parseInt(found[2], 16);
            const isText = code > 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
            character = isText ? String.fromCodePoint(code) : '\ufffd';
        }
        if (character === undefined) return false;
        this.buffer += character;
        this.at += found[0].length;
        return true;
    }
}

export function appendInline(parent, text) {
    new Inline(parent, text).run();
}
