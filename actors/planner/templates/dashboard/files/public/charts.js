/* Charts made of SVG nodes. Each one fills its frame and is drawn anew when that changes size. */

import { svg } from './ui.js';
import { ticks } from './figures.js';

const HEIGHT = 250;
const EDGE = { top: 14, right: 14, bottom: 30 };
const DOTS_MAX = 62;
const BAR_ROW = 40;

const short = new Intl.NumberFormat(undefined, { notation: 'compact', maximumFractionDigits: 1 });

function text(x, y, content, anchor, className = 'tick') {
    return svg('text', { x, y, 'text-anchor': anchor, class: className, text: content });
}

/* points: [{label, amount}]; `tell(point)` hears which one the pointer or the arrow keys are on,
 * or null. */
export function lineChart(width, points, label, tell) {
    const amounts = points.map((point) => point.amount);
    const marks = ticks(Math.min(...amounts), Math.max(...amounts), 4);
    const left = 14 + 7 * Math.max(...marks.map((mark) => short.format(mark).length));
    const low = marks[0];
    const high = marks[marks.length - 1];
    const x = (index) => left + (points.length === 1 ? 0.5 : index / (points.length - 1)) * (width - left - EDGE.right);
    const y = (amount) => EDGE.top + ((high - amount) / (high - low)) * (HEIGHT - EDGE.top - EDGE.bottom);

    const chart = svg('svg', { class: 'chart', viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: 'img',
                               'aria-label': label, tabindex: 0 });
    for (const mark of marks) {
        chart.append(svg('line', { class: mark === 0 ? 'axis' : 'rule', x1: left, x2: width - EDGE.right, y1: y(mark), y2: y(mark) }),
                     text(left - 8, y(mark) + 4, short.format(mark), 'end'));
    }
    const step = Math.max(1, Math.ceil(points.length / Math.max(1, Math.floor((width - left) / 78))));
    points.forEach((point, index) => {
        if (index % step !== 0) return;
        const anchor = points.length > 1 && index === 0 ? 'start' : x(index) > width - 34 ? 'end' : 'middle';
        chart.append(text(x(index), HEIGHT - 8, point.label, anchor));
    });
    const path = points.map((point, index) => `${index ? 'L' : 'M'}${x(index).toFixed(1)} ${y(point.amount).toFixed(1)}`).join('');
    if (points.length > 1) {
        chart.append(svg('path', { class: 'area', d: `${path}L${x(points.length - 1)} ${y(0)}L${x(0)} ${y(0)}Z` }),
                     svg('path', { class: 'line', d: path }));
    }
    if (points.length <= DOTS_MAX) {
        chart.append(...points.map((point, index) => svg('circle', { class: 'dot', cx: x(index), cy: y(point.amount), r: points.length > 31 ? 2.5 : 3.5 })));
    }
    const cursor = svg('circle', { class: 'cursor', r: 6, visibility: 'hidden' });
    chart.append(cursor);
    follow(chart, points, cursor, { x, y, left, right: width - EDGE.right }, tell);
    return chart;
}

function follow(chart, points, cursor, place, tell) {
    let at = -1;
    const mark = (index) => {
        at = index;
        cursor.setAttribute('visibility', index < 0 ? 'hidden' : 'visible');
        if (index >= 0) {
            cursor.setAttribute('cx', place.x(index));
            cursor.setAttribute('cy', place.y(points[index].amount));
        }
        tell(index < 0 ? null : points[index]);
    };
    chart.addEventListener('pointermove', (event) => {
        const part = (event.clientX - chart.getBoundingClientRect().left - place.left) / (place.right - place.left);
        mark(Math.min(points.length - 1, Math.max(0, Math.round(part * (points.length - 1)))));
    });
    chart.addEventListener('pointerleave', () => mark(-1));
    chart.addEventListener('blur', () => mark(-1));
    chart.addEventListener('keydown', (event) => {
        const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
        if (!way) return;
        event.preventDefault();
        mark(Math.min(points.length - 1, Math.max(0, at < 0 ? (way > 0 ? 0 : points.length - 1) : at + way)));
    });
}

/* bars: [{name, amount, text}], one row each, from a common zero line. */
export function barChart(width, bars, label) {
    const amounts = bars.map((bar) => bar.amount);
    const low = Math.min(0, ...amounts);
    const high = Math.max(0, ...amounts);
    const height = bars.length * BAR_ROW + 4;
    const x = (amount) => 1 + ((amount - low) / (high - low || 1)) * (width - 2);
    const chart = svg('svg', { class: 'chart', viewBox: `0 0 ${width} ${height}`, width, height, role: 'img', 'aria-label': label });
    bars.forEach((bar, index) => {
        const top = index * BAR_ROW;
        const from = Math.min(x(0), x(bar.amount));
        const room = Math.max(4, Math.floor((width - 12 - bar.text.length * 8) / 7.6));
        const name = bar.name.length > room ? `${bar.name.slice(0, room - 1)}…` : bar.name;
        chart.append(svg('rect', { class: 'track', x: 0, y: top + 23, width, height: 9, rx: 4.5 }),
                     svg('rect', { class: bar.amount < 0 ? 'bar below' : 'bar', x: from, y: top + 23, height: 9, rx: 4.5,
                                   width: Math.max(3, Math.abs(x(bar.amount) - x(0))) },
                         svg('title', { text: `${bar.name}: ${bar.text}` })),
                     text(0, top + 16, name, 'start', 'bar-name'),
                     text(width, top + 16, bar.text, 'end', 'bar-amount'));
    });
    if (low < 0) chart.append(svg('line', { class: 'axis', x1: x(0), x2: x(0), y1: 20, y2: height }));
    return chart;
}
