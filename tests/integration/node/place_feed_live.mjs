// Follows places with the documentation's reader: place_feed_live.mjs URL (nats://IDENTITY:SEED@HOST:PORT) REALM IDENTITY {"PLACE": SEQ, …}
// Says "joined", and then the places' states once each has its number.
import { connect, nkeyAuthenticator } from "@nats-io/transport-node";
import { Interest, PlaceFeed } from "./place_feed.mjs";

const [url, realm, identity, wanted] = process.argv.slice(2);
const { host, password: seed } = new URL(url);
const authenticator = nkeyAuthenticator(new TextEncoder().encode(seed));
const nc = await connect({ servers: host, authenticator, inboxPrefix: `_INBOX.${identity}` });
const numbers = Object.entries(JSON.parse(wanted));
let settled;
const done = new Promise((resolve) => (settled = resolve));
const look = () => numbers.every(([place, seq]) => feed.room(place).joined && feed.room(place).seq === seq) && settled();
const feed = new PlaceFeed(nc, realm, identity, look);
const interest = new Interest(feed, 0);
for (const [place] of numbers) await interest.standIn(place); // the last one's neighbours, and nothing else
for (const [place] of numbers) await feed.join(place);
console.log("joined");
look();
await done;
console.log(JSON.stringify(Object.fromEntries(numbers.map(([place]) => [place, feed.room(place).state()]))));
await nc.close();
