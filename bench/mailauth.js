// mailauth.js FOLDER CORPUS verify|sign|all SET SECONDS: mailauth on DNS from memory, every result checked.
// Prints operations a CPU second, its threads counted. FOLDER is where npm put the package.
'use strict';
const fs = require('fs');
const path = require('path');

const [folder, corpus, what, set, seconds] = process.argv.slice(2);
const { authenticate } = require(folder);
const { dkimVerify } = require(path.join(folder, 'lib/dkim/verify'));
const { dkimSign } = require(path.join(folder, 'lib/dkim/sign'));

const zone = JSON.parse(fs.readFileSync(path.join(corpus, 'zone.json')));
const key = fs.readFileSync(path.join(corpus, 'key.pem'), 'utf8');
const messages = fs.readFileSync(path.join(corpus, set + '.manifest'), 'utf8').trim().split('\n').map(line => {
    const [file, ip, , helo, sender] = line.split('\t');
    return { text: fs.readFileSync(file), ip, helo, sender };
});

async function resolver(name, type) {
    const values = (zone[name.toLowerCase()] || {})[type];
    if (!values) {
        throw Object.assign(new Error('ENOTFOUND'), { code: 'ENOTFOUND' });
    }
    return type === 'TXT' ? values.map(value => [value]) : values;
}

function check(right, found) {
    if (!right) {
        throw new Error(JSON.stringify(found));
    }
}

const work = {
    async verify(message) {
        const { results } = await dkimVerify(message.text, { resolver });
        check(results[0].status.result === 'pass', results[0].status);
    },
    async sign(message) {
        const signatureData = [{ signingDomain: 'd00.example.com', selector: 's1', privateKey: key }];
        const signed = await dkimSign(message.text, { canonicalization: 'relaxed/relaxed', signatureData });
        check(/^DKIM-Signature/.test(signed.signatures), signed.errors);
    },
    async all({ text, ip, helo, sender }) {
        const options = { ip, helo, sender, mta: 'mx.rcpt.example.net', resolver, disableBimi: true };
        const found = await authenticate(text, options);
        const results = [found.spf.status.result, found.dmarc.status.result, found.dkim.results[0].status.result];
        check(results.every(result => result === 'pass'), found.headers);
    },
}[what];

function cpu() {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
}

async function rate(limit) {
    const start = cpu();
    let count = 0;
    while (cpu() - start < limit) {
        await work(messages[count++ % messages.length]);
    }
    return count / (cpu() - start);
}

(async () => {
    await rate(1); // so that the code is compiled
    console.log((await rate(seconds)).toFixed(1));
})();
