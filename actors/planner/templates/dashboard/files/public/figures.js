/* What the entries add up to. Amounts are summed in hundredths, so that no fraction is lost. */

const DAY_MS = 86_400_000;
const DAY_BARS_MAX = 92;
const MONTH_BARS_MAX = 48;

export const PERIODS = {
    all: 'All time',
    7: 'Last 7 days',
    30: 'Last 30 days',
    90: 'Last 90 days',
    month: 'This month',
    year: 'This year',
};

/* Today as YYYY-MM-DD where the person is. */
export function today() {
    const now = new Date();
    return new Date(now.getTime() - now.getTimezoneOffset() * 60_000).toISOString().slice(0, 10);
}

function dayNumber(day) {
    return Date.parse(`${day}T00:00:00Z`) / DAY_MS;
}

function dayOf(number) {
    return new Date(number * DAY_MS).toISOString().slice(0, 10);
}

export function isInPeriod(day, period) {
    const now = today();
    if (period === 'all') return true;
    if (period === 'month') return day.slice(0, 7) === now.slice(0, 7);
    if (period === 'year') return day.slice(0, 4) === now.slice(0, 4);
    const back = dayNumber(now) - dayNumber(day);
    return back >= 0 && back < Number(period);
}

export function sum(entries) {
    return entries.reduce((cents, entry) => cents + Math.round(entry.amount * 100), 0) / 100;
}

function groups(entries, keyOf) {
    const found = new Map();
    for (const entry of entries) {
        const key = keyOf(entry);
        if (!found.has(key)) found.set(key, []);
        found.get(key).push(entry);
    }
    return found;
}

/* [{name, amount, count}], largest first; names that differ only in case are one category. */
export function byCategory(entries) {
    return [...groups(entries, (entry) => entry.category.toLowerCase()).values()]
        .map((part) => ({ name: part[0].category, amount: sum(part), count: part.length }))
        .sort((a, b) => Math.abs(b.amount) - Math.abs(a.amount));
}

/* [{key, amount}] without gaps, by day; by month or year where days would be too many. */
export function byTime(entries) {
    if (entries.length === 0) return { unit: 'day', points: [] };
    const days = entries.map((entry) => entry.date).sort();
    const first = days[0];
    const last = days[days.length - 1];
    const monthOf = (day) => Number(day.slice(0, 4)) * 12 + Number(day.slice(5, 7)) - 1;
    if (dayNumber(last) - dayNumber(first) < DAY_BARS_MAX) {
        return { unit: 'day', points: series(entries, 10, dayNumber(first), dayNumber(last), dayOf) };
    }
    if (monthOf(last) - monthOf(first) < MONTH_BARS_MAX) {
        const name = (number) => `${Math.floor(number / 12)}-${String((number % 12) + 1).padStart(2, '0')}`;
        return { unit: 'month', points: series(entries, 7, monthOf(first), monthOf(last), name) };
    }
    return { unit: 'year', points: series(entries, 4, Number(first.slice(0, 4)), Number(last.slice(0, 4)), String) };
}

function series(entries, length, first, last, nameOf) {
    const found = groups(entries, (entry) => entry.date.slice(0, length));
    const points = [];
    for (let number = first; number <= last; number++) {
        const key = nameOf(number);
        points.push({ key, amount: sum(found.get(key) || []) });
    }
    return points;
}

/* Round numbers from `low` to `high`, about `count` of them, always with zero between. */
export function ticks(low, high, count) {
    const from = Math.min(0, low);
    const to = Math.max(0, high);
    const rough = (to - from || 1) / count;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => size >= rough * 0.999);
    const found = [];
    for (let at = Math.floor(from / step); at <= Math.ceil(to / step); at++) found.push(Number((at * step).toPrecision(12)));
    return found.length > 1 ? found : [0, step];
}
