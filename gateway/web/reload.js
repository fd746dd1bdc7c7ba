/* reload.js - stands behind each page of an app (PREVIEW_RELOAD) and reloads it when the app has
 * another version than the one the page came with.
 *
 * It listens only while somebody can see the page: a browser has few connections for each origin,
 * and a page that comes into view is told at once what it missed. A page that was just reloaded
 * and is at once told another version still is one that the app itself keeps (a service worker):
 * it is taken as it is, or it would reload for ever.
 */
(() => {
    'use strict';
    const WAIT_MS_MIN = 1000;
    const WAIT_MS_MAX = 30000;
    const script = document.currentScript;
    let shown = Number(new URL(script.src).searchParams.get('version'));
    let wasReloaded = performance.getEntriesByType('navigation')[0]?.type === 'reload';
    let source = null, timer = 0, wait = WAIT_MS_MIN, isOver = false;

    script.remove();            /* the document is the app's */
    if (self.origin === 'null')
        return;                 /* a sandbox: it may ask nobody */
    if (parent !== self)
        parent.postMessage({ isekaiVersion: shown }, '*');

    function rest() {
        clearTimeout(timer);
        source?.close();
        source = null;
    }

    function hear(version) {
        const isOther = version !== shown && shown !== 0 && !wasReloaded;

        wasReloaded = false;
        wait = WAIT_MS_MIN;
        shown = version;
        if (isOther)
            location.reload();
    }

    function retry() {
        rest();
        timer = setTimeout(listen, wait * (0.5 + Math.random() / 2));
        wait = Math.min(2 * wait, WAIT_MS_MAX);
    }

    function listen() {
        source = new EventSource('/.isekai/events');
        source.addEventListener('version', event => hear(JSON.parse(event.data).version));
        source.addEventListener('end', end);
        source.addEventListener('error', retry);
    }

    function end() {
        isOver = true;
        rest();
    }

    function look() {
        rest();
        if (!isOver && !document.hidden)
            listen();
    }

    document.addEventListener('visibilitychange', look);
    document.addEventListener('securitypolicyviolation', event => {
        if (event.effectiveDirective === 'connect-src' && event.blockedURI.endsWith('/.isekai/events'))
            end();              /* the app's own policy says no */
    });
    addEventListener('pagehide', rest);
    addEventListener('pageshow', event => { if (event.persisted) look(); });
    look();
})();
