// Looks names up with the resolver of Node (c-ares). Arguments: the server, as address:port. Prints a line a test:
// `ok` and its title, or `FAILED`, the title and the reason.
import assert from 'node:assert/strict';
import { promises as dns } from 'node:dns';

const resolver = new dns.Resolver({ timeout: 2000, tries: 1 });
resolver.setServers([process.argv[2]]);
const zone = 'service.local';

async function test(title, found, expected) {
    const start = Date.now();
    try {
        const value = await found();
        if (typeof expected === 'function') assert.ok(expected(value), JSON.stringify(value).slice(0, 500));
        else assert.deepEqual(value, expected);
        assert.ok(Date.now() - start < 1500, `took ${Date.now() - start} ms`);
        console.log(`ok ${title}`);
    } catch (error) {
        console.log(`FAILED node, ${title}: ${String(error.message).replaceAll('\n', ' ')}`);
    }
}

const fails = (call) => call.then(() => 'nothing', (error) => error.code);
const sorted = (call, key = (each) => each) => call.then((list) => list.sort((a, b) => (key(a) < key(b) ? -1 : 1)));
const srv = (name, port) => ({ name, port, priority: 0, weight: 1 });

await test('A', () => sorted(resolver.resolve4(`web.${zone}`)), ['10.0.0.1', '10.0.0.2']);
await test('A with its TTL', () => resolver.resolve4(`one.${zone}`, { ttl: true }), [{ address: '10.0.3.1', ttl: 5 }]);
await test('AAAA', () => resolver.resolve6(`web.${zone}`), ['fd00::1']);
await test('AAAA of a service that has none', () => fails(resolver.resolve6(`one.${zone}`)), 'ENODATA');
await test('no such service', () => fails(resolver.resolve4(`nothing.${zone}`)), 'ENOTFOUND');
await test('a name of somebody else', () => fails(resolver.resolve4('example.com')), 'EREFUSED');
await test('SRV', () => sorted(resolver.resolveSrv(`_http._tcp.web.${zone}`), (each) => each.port),
    [srv(`0a000001.addr.${zone}`, 8081), srv(`0a000002.addr.${zone}`, 8082)]);
await test('A of an SRV target', () => resolver.resolve4(`0a000001.addr.${zone}`), ['10.0.0.1']);
await test('AAAA of an SRV target', () => resolver.resolve6(`0a000001.addr.${zone}`), ['fd00::1']);
await test('SRV in cluster.local', () => sorted(resolver.resolveSrv('_http._tcp.web.default.svc.cluster.local'),
    (each) => each.port).then((list) => list.map((each) => each.port)), [8081, 8082]);
await test('300 SRV', () => resolver.resolveSrv(`many.${zone}`), (list) => list.length === 300);
await test('300 SRV have 300 targets', () => resolver.resolveSrv(`_http._tcp.many.${zone}`),
    (list) => new Set(list.map((each) => each.name)).size === 300);
await test('300 A', () => resolver.resolve4(`many.${zone}`), (list) => new Set(list).size === 300);
await test('TXT', () => resolver.resolveTxt(`note.${zone}`), [['one text', 'and another']]);
await test('CNAME', () => resolver.resolveCname(`docs.${zone}`), [`gateway.${zone}`]);
await test('A behind a CNAME', () => resolver.resolve4(`docs.${zone}`), ['10.9.0.1']);
await test('PTR', () => resolver.resolvePtr('1.0.9.10.in-addr.arpa'), [`gateway.${zone}`]);
await test('an address turned round', () => resolver.reverse('10.9.0.1'), [`gateway.${zone}`]);
await test('the address of a host turned round', () => resolver.reverse('10.0.3.1'),
    [`one-1.one.default.svc.${zone}`]);
await test('and turned back', () => resolver.resolve4(`one-1.one.default.svc.${zone}`), ['10.0.3.1']);
await test('an address that no host has', () => fails(resolver.reverse('10.0.3.2')), 'ENOTFOUND');
await test('an address without a name', () => fails(resolver.reverse('10.9.0.2')), 'ENOTFOUND');
await test('services to browse', () => resolver.resolvePtr(`_services._dns-sd._udp.${zone}`),
    (list) => list.includes(`_web._tcp.${zone}`));
await test('hosts to browse', () => sorted(resolver.resolvePtr(`_web._tcp.${zone}`)),
    [`web-1._web._tcp.${zone}`, `web-2._web._tcp.${zone}`]);
await test('a host that was browsed', () => resolver.resolveSrv(`web-1._web._tcp.${zone}`),
    [srv(`0a000001.addr.${zone}`, 8081)]);
await test('SOA', () => resolver.resolveSoa(zone), (soa) => soa.nsname === `ns.${zone}` && soa.minttl === 5);
await test('NS', () => resolver.resolveNs(zone), [`ns.${zone}`]);
await test('MX of a name that has none', () => fails(resolver.resolveMx(`web.${zone}`)), 'ENODATA');
// RFC 8482 lets a server answer ANY with less than everything.
await test('ANY of the zone', () => resolver.resolveAny(zone).catch((error) => error.code),
    (found) => found === 'ENODATA' || found.length > 0);
await test('ANY of a service', () => resolver.resolveAny(`web.${zone}`).catch((error) => error.code),
    (found) => found === 'ENODATA' || found.every((each) => ['A', 'AAAA', 'SRV', 'HINFO'].includes(each.type)));
await test('ANY of a name that is not there', () => fails(resolver.resolveAny(`nothing.${zone}`)), 'ENOTFOUND');
await test('many questions at once', () => Promise.all(Array.from({ length: 200 }, () => resolver.resolve4(`web.${zone}`)))
    .then((answers) => answers.every((list) => list.length === 2)), true);
