// Verifies a ledger of Reeve's with no code of Reeve's: the Merkle tree of RFC 6962 over the leaves, the
// checkpoints' signatures (RS256, RFC 7515) by the keys of /.well-known/jwks.json.
//
//   reeve audit export --tenant North --reason audit > leaves.jsonl
//   node docs/verify-ledger.mjs leaves.jsonl checkpoints.jsonl jwks.json
//
// checkpoints.jsonl: the file kept in REEVE_CHECKPOINTS, or the items of GET /v1/audit/checkpoints, one a
// line. Take jwks.json from the server once, and keep it where the server cannot change it.
// Exit code 0: everything is as it was signed; 7: the span that is not is named; 1: nothing to go by.
import { createHash, createPublicKey, verify } from 'node:crypto'
import { createReadStream, readFileSync } from 'node:fs'

const [leavesFile, checkpointsFile, jwksFile] = process.argv.slice(2)
if (!jwksFile) fail(1, 'usage: node verify-ledger.mjs leaves.jsonl checkpoints.jsonl jwks.json')

const keys = new Map(JSON.parse(readFileSync(jwksFile, 'utf8')).keys.map((jwk) => [jwk.kid, jwk]))
const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest()
const node = (left, right) => sha256(Buffer.from([1]), left, right)
const part = (text) => JSON.parse(Buffer.from(text, 'base64url').toString('utf8'))

function fail(code, message) {
  console.error(message)
  process.exit(code)
}

function claims(jws) {
  const [head, body, signature] = jws.split('.')
  const { alg, typ, kid } = part(head)
  const jwk = keys.get(kid)
  const typed = alg === 'RS256' && typ === 'ledger-checkpoint+jwt' && jwk?.kty === 'RSA'
  const key = typed && createPublicKey({ key: jwk, format: 'jwk' })
  return key && verify('sha256', Buffer.from(`${head}.${body}`), key, Buffer.from(signature, 'base64url')) && part(body)
}

// Lines end by a line feed alone, and are hashed as the bytes that they are.
async function* linesOf(file) {
  let rest = Buffer.alloc(0)
  for await (const chunk of createReadStream(file)) {
    const bytes = Buffer.concat([rest, chunk])
    let from = 0
    for (let end; (end = bytes.indexOf(10, from)) !== -1; from = end + 1) yield bytes.subarray(from, end)
    rest = bytes.subarray(from)
  }
  if (rest.length > 0) yield rest
}

const lines = readFileSync(checkpointsFile, 'utf8').split('\n').filter(Boolean)
const signed = lines.map((line, i) => claims(JSON.parse(line).signed) || fail(7, `line ${i + 1}: nobody signed this`))
signed.sort((a, b) => a.tree_size - b.tree_size)
if (signed.length === 0) fail(1, 'no checkpoints: there is nothing to verify by')
if (new Set(signed.map((claim) => claim.tenant_id)).size > 1) fail(1, 'the checkpoints are of several organisations')

const frontier = [] // the roots of whole subtrees, the largest first
let size = 0
let good = { tree_size: 0, last_at: 'the beginning' }
const span = (to) => `entries ${good.tree_size + 1} to ${to.tree_size} (after ${good.last_at}, until ${to.last_at})`

for await (const leaf of linesOf(leavesFile)) {
  let hash = sha256(Buffer.from([0]), leaf)
  for (let ones = size; ones % 2 === 1; ones = Math.floor(ones / 2)) hash = node(frontier.pop(), hash)
  frontier.push(hash)
  size += 1
  while (signed.length > 0 && signed[0].tree_size === size) {
    const root = frontier.reduceRight((right, left) => node(left, right)).toString('hex')
    if (signed[0].root !== root) fail(7, `${span(signed[0])}: an entry was altered, removed, put in or moved`)
    good = signed.shift()
  }
}
if (signed.length > 0) fail(7, `${span(signed[0])}: entries are gone from the end`)
console.log(`${good.tree_size} entries are as they were signed, until ${good.last_at}; ${size - good.tree_size} follow`)
