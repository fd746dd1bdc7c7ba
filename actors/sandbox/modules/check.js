/* check.js DIR - are the packages of DIR/package-lock.json there? Prints name, version and licence. */
'use strict';

const fs = require('fs');
const path = require('path');

const directory = process.argv[2];
const read = name => JSON.parse(fs.readFileSync(path.join(directory, name), 'utf8'));

for (const [place, wanted] of Object.entries(read('package-lock.json').packages)) {
    if (place === '' || wanted.dev || (wanted.optional && !fs.existsSync(path.join(directory, place))))
        continue;
    const found = read(path.join(place, 'package.json'));
    if (found.version !== wanted.version)
        throw new Error(`${place} has version ${found.version}, wanted is ${wanted.version}`);
    if (!wanted.license)
        throw new Error(`${place} names no licence`);
    console.log(`${found.name} ${found.version} ${wanted.license}`);
}
