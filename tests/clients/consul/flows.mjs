// The life of a service by the client `consul` for Node, and its watches. Arguments: the ports of HTTP and DNS. Prints a
// line a test: `ok` and its title, or `FAILED`, the title and the reason.
//
// AGAINST=consul: a real Consul shows a change a moment after it has answered; rollcall must show it at once.
import assert from 'node:assert/strict';
import { promises as dns } from 'node:dns';
import http from 'node:http';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';

const require = createRequire(`${process.env.MODULES}/`);
const Consul = require('consul');
const [httpPort, dnsPort] = process.argv.slice(2);
const patience = process.env.AGAINST === 'consul' ? 3000 : 0;
const consul = new Consul({ host: '127.0.0.1', port: httpPort });
const resolver = new dns.Resolver({ timeout: 2000, tries: 1 });
resolver.setServers([`127.0.0.1:${dnsPort}`]);

async function test(title, run) {
    try {
        await run();
        console.log(`ok ${title}`);
    } catch (error) {
        console.log(`FAILED npm consul, ${title}: ${String(error.message).replaceAll(/\s+/g, ' ').slice(0, 500)}`);
    }
}

// What `find` gives is `expected`; at once, or as soon as the server may take.
async function shows(find, expected, milliseconds = patience) {
    for (const start = Date.now(); ; await sleep(20)) {
        const found = await find();
        try {
            assert.deepEqual(found, expected);
            return;
        } catch (error) {
            if (Date.now() - start >= milliseconds) throw error;
        }
    }
}

const ids = async (service, options = {}) =>
    (await consul.health.service({ service, ...options })).map((each) => each.Service.ID);
const passing = (service) => ids(service, { passing: true });
const addresses = (name) => resolver.resolve4(name).then((list) => list.sort(), (error) => error.code);
const refused = (call) => call.then(() => assert.fail('was not refused'), (error) => error.response?.statusCode);
const register = (number, more) => consul.agent.service.register({
    id: `web-${number}`, name: 'web', address: `10.0.0.${number}`, port: 8080 + number, ...more,
});

// Watches a list until `end`; its changes are told to `next`, one at a time.
function watching(method, options) {
    const watch = consul.watch({ method, options: { wait: '5s', ...options }, backoffFactor: 50 });
    const changes = [];
    let wake = () => {};
    watch.on('change', (data) => changes.push(data) && wake());
    watch.on('error', (error) => changes.push(error) && wake());
    return {
        end: () => watch.end(),
        seen: changes,
        async next() {
            if (changes.length === 0) {
                await Promise.race([new Promise((resolve) => (wake = resolve)), sleep(4000, undefined, { ref: false })]);
            }
            assert.ok(changes.length > 0, 'no change came within 4 s');
            const change = changes.shift();
            if (change instanceof Error) throw change;
            return change;
        },
        // Until a change is as expected: one event can be more than one change.
        async until(view, expected) {
            let found;
            do found = view(await this.next());
            while (JSON.stringify(found) !== JSON.stringify(expected));
        },
    };
}

let status = 200;
const endpoint = http.createServer((_, answer) => { answer.statusCode = status; answer.end('as it was set'); });
await new Promise((resolve) => endpoint.listen(0, '127.0.0.1', resolve));
const url = `http://127.0.0.1:${endpoint.address().port}/health`;

await test('nobody has the service', async () => {
    assert.deepEqual(await ids('web'), []);
    assert.equal(await addresses('web.service.consul'), 'ENOTFOUND');
});
await test('two instances register', async () => {
    await register(1, { tags: ['v1', 'a=b'], meta: { version: '1' }, check: { ttl: '60s' } });
    await register(2, { tags: ['v2'], checks: [{ ttl: '60s', status: 'passing' }, { name: 'second', ttl: '60s' }] });
    await shows(() => ids('web'), ['web-1', 'web-2']);
    assert.deepEqual(await passing('web'), []);
});
await test('they pass', async () => {
    await consul.agent.check.pass('service:web-1');
    await consul.agent.check.pass({ id: 'service:web-2:2', note: 'all is well' });
    await shows(() => passing('web'), ['web-1', 'web-2']);
    assert.deepEqual(await addresses('web.service.consul'), ['10.0.0.1', '10.0.0.2']);
    assert.equal((await consul.agent.check.list())['service:web-2:2'].Output, 'all is well');
});
await test('an instance as registered', async () => {
    const [{ Node, Service, Checks }] = await consul.health.service('web');
    assert.deepEqual([Service.ID, Service.Address, Service.Port, Service.Tags, Service.Meta],
        ['web-1', '10.0.0.1', 8081, ['v1', 'a=b'], { version: '1' }]);
    assert.equal(Node.Node, 'node-1');
    assert.deepEqual(Checks.map((each) => each.CheckID).sort(), ['serfHealth', 'service:web-1']);
});
await test('tags, filters, SRV', async () => {
    assert.deepEqual(await ids('web', { tag: 'v2' }), ['web-2']);
    assert.deepEqual(await ids('web', { filter: 'Service.Meta.version == 1' }), ['web-1']);
    const records = await resolver.resolveSrv('_web._tcp.service.consul');
    assert.deepEqual(records.map((each) => [each.name, each.port]).sort(),
        [['0a000001.addr.dc1.consul', 8081], ['0a000002.addr.dc1.consul', 8082]]);
});
await test('a warning and a failure', async () => {
    await consul.agent.check.warn('service:web-1');
    await consul.agent.check.fail({ id: 'service:web-2:1', note: 'full' });
    await shows(() => addresses('web.service.consul'), ['10.0.0.1']);
    await shows(() => passing('web'), []);
    await consul.agent.check.pass('service:web-1');
    await consul.agent.check.pass('service:web-2:1');
    await shows(() => passing('web'), ['web-1', 'web-2']);
});
await test('lists of the agent', async () => {
    const services = await consul.agent.service.list();
    assert.deepEqual(Object.keys(services).sort(), ['web-1', 'web-2']);
    assert.deepEqual([services['web-1'].Service, services['web-1'].Tags], ['web', ['v1', 'a=b']]);
    assert.deepEqual(Object.keys(await consul.agent.check.list()).sort(),
        ['service:web-1', 'service:web-2:1', 'service:web-2:2']);
});
await test('the agent about itself', async () => {
    assert.equal((await consul.agent.self()).Config.NodeName, 'node-1');
    assert.deepEqual((await consul.agent.members()).map((each) => [each.Name, each.Status]), [['node-1', 1]]);
    assert.ok((await consul.status.peers()).includes(await consul.status.leader()));
});
await test('catalog', async () => {
    assert.deepEqual(await consul.catalog.datacenters(), ['dc1']);
    assert.deepEqual((await consul.catalog.nodes()).map((each) => each.Node), ['node-1']);
    assert.deepEqual(Object.keys(await consul.catalog.services()).sort(), ['consul', 'web']);
    assert.deepEqual((await consul.catalog.service.nodes('web')).map((each) => each.ServicePort), [8081, 8082]);
    assert.deepEqual(Object.keys((await consul.catalog.node.services('node-1')).Services).sort(),
        ['consul', 'web-1', 'web-2']);
    assert.deepEqual(await consul.catalog.connect.nodes('web'), []);
});
await test('nodes that others register', async () => {
    await consul.catalog.register({
        node: 'ext', address: '10.0.3.1', service: { service: 'db', id: 'db-1', port: 5432, tags: ['primary'] },
        checks: [{ checkid: 'up', name: 'up', status: 'passing', serviceid: 'db-1' }],
    });
    await consul.catalog.register({ node: 'ext', address: '10.0.3.1', service: { service: 'db', id: 'db-2', port: 5433 } });
    await shows(() => passing('db'), ['db-1', 'db-2']);
    assert.deepEqual(await addresses('primary.db.service.consul'), ['10.0.3.1']);
    assert.deepEqual(await addresses('ext.node.consul'), ['10.0.3.1']);
    await consul.catalog.deregister({ node: 'ext', serviceid: 'db-1' });
    await shows(() => ids('db'), ['db-2']);
    await consul.catalog.deregister('ext');
    await shows(() => ids('db'), []);
});
await test('maintenance', async () => {
    await consul.agent.service.maintenance({ id: 'web-1', enable: true, reason: 'new disks' });
    await shows(() => passing('web'), ['web-2']);
    await consul.agent.service.maintenance({ id: 'web-1', enable: false });
    await consul.agent.maintenance({ enable: true, reason: 'new kernel' });
    await shows(() => passing('web'), []);
    await consul.agent.maintenance({ enable: false });
    await shows(() => passing('web'), ['web-1', 'web-2']);
});
await test('checks that ask', async () => {
    await consul.agent.service.register({ id: 'asked-1', name: 'asked', port: 1, check: { http: url, interval: '1s', timeout: '1s' } });
    await consul.agent.service.register({ id: 'asked-2', name: 'asked', port: 2, address: '127.0.2.2',
        check: { tcp: `127.0.0.1:${endpoint.address().port}`, interval: '1s' } });
    await shows(() => passing('asked'), ['asked-1', 'asked-2'], 4000);
    status = 503;
    await shows(() => passing('asked'), ['asked-2'], 4000);
    status = 200;
    await shows(() => passing('asked'), ['asked-1', 'asked-2'], 4000);
});
await test('checks by themselves and by their state', async () => {
    await consul.agent.check.register({ id: 'extra', name: 'extra', serviceid: 'asked-1', ttl: '60s', status: 'warning', notes: 'n' });
    await shows(async () => (await consul.health.state('warning')).map((each) => each.CheckID), ['extra']);
    assert.deepEqual((await consul.health.checks('asked')).map((each) => each.CheckID).sort(),
        ['extra', 'service:asked-1', 'service:asked-2']);
    await consul.agent.check.deregister('extra');
    await shows(async () => (await consul.health.node('node-1')).some((each) => each.CheckID === 'extra'), false);
    for (const id of ['asked-1', 'asked-2']) await consul.agent.service.deregister(id);
});
await test('what is refused', async () => {
    assert.equal(await refused(consul.agent.service.register({ name: 'bad', check: { ttl: 'soon' } })), 400);
    assert.equal(await refused(consul.agent.service.deregister('nobody')), 404);
    assert.equal(await refused(consul.agent.check.pass('nobody')), 404);
    assert.equal(await refused(consul.health.service({ service: 'web', dc: 'dc2' })), 500);
    assert.equal(await refused(consul.health.service({ service: 'web', filter: '((' })), 500);
});
await test('a watch of instances sees every change', async () => {
    const watch = watching(consul.health.service, { service: 'web', passing: true });
    try {
        const view = (list) => list.map((each) => each.Service.ID);
        assert.deepEqual(view(await watch.next()), ['web-1', 'web-2']);
        await consul.agent.check.fail('service:web-2:1');
        await watch.until(view, ['web-1']);
        await consul.agent.check.pass('service:web-2:1');
        await watch.until(view, ['web-1', 'web-2']);
        await register(3);
        await watch.until(view, ['web-1', 'web-2', 'web-3']);
        await consul.agent.service.deregister('web-3');
        await watch.until(view, ['web-1', 'web-2']);
    } finally {
        watch.end();
    }
});
await test('a watch of services sees them come and go', async () => {
    const watch = watching(consul.catalog.service.list, {});
    try {
        const view = (services) => Object.keys(services).sort();
        assert.deepEqual(view(await watch.next()), ['consul', 'web']);
        await consul.agent.service.register({ name: 'other', port: 1 });
        await watch.until(view, ['consul', 'other', 'web']);
        await consul.agent.service.deregister('other');
        await watch.until(view, ['consul', 'web']);
    } finally {
        watch.end();
    }
});
await test('a watch sleeps while others change', async () => {
    const watch = watching(consul.health.service, { service: 'web' });
    try {
        await watch.next();
        await consul.agent.service.register({ name: 'other', port: 1 });
        await consul.agent.check.pass('service:web-1');
        await consul.agent.service.deregister('other');
        await sleep(700);
        assert.equal(watch.seen.length, 0);
    } finally {
        watch.end();
    }
});
await test('a watch of a service that nobody has', async () => {
    const watch = watching(consul.health.service, { service: 'later' });
    try {
        assert.deepEqual(await watch.next(), []);
        await consul.agent.service.register({ name: 'later', port: 1 });
        await watch.until((list) => list.map((each) => each.Service.ID), ['later']);
        await consul.agent.service.deregister('later');
        await watch.until((list) => list, []);
    } finally {
        watch.end();
    }
});
await test('two instances leave', async () => {
    await consul.agent.service.deregister('web-1');
    await shows(() => addresses('web.service.consul'), ['10.0.0.2']);
    await consul.agent.service.deregister({ id: 'web-2' });
    await shows(() => addresses('web.service.consul'), 'ENOTFOUND');
    await shows(async () => Object.keys(await consul.catalog.services()), ['consul']);
});
process.exit(0);
