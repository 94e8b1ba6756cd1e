// Reads corpus files with hyparquet, a Parquet reader in JavaScript, and compares them
// with what the Go program says is in them (data/internal/corpusdump). The 16-bit move
// codes are decoded here, from their description in docs/formats.md; SAN and the
// rules are chess.js's.
//
//   node parquet-check.mjs MODULES DIR NAME...   compares DIR/NAME.parquet with DIR/NAME.jsonl
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import path from 'node:path'

const [modules, dir, ...names] = process.argv.slice(2)
const require = createRequire(path.join(modules, 'package.json'))
const load = name => import(pathToFileURL(require.resolve(name)).href)
const { parquetMetadataAsync, parquetReadObjects, parquetSchema, asyncBufferFromFile } = await load('hyparquet')
const { compressors } = await load('hyparquet-compressors')
const { Chess } = await load('chess.js')

// How many games of the file with SAN are replayed by chess.js, which takes about a
// millisecond a move. The other file has the same games.
const REPLAYED = 250

function fail(message) {
  console.error(`parquet-check: ${message}`)
  process.exit(1)
}

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b)

const square = i => 'abcdefgh'[i & 7] + (1 + (i >> 3))

function uci(code) {
  if (!Number.isInteger(code) || code < 0 || code >> 15) fail(`${code} is no move code`)
  const promotion = code >> 12
  if (promotion === 1 || promotion > 5) fail(`${code} has promotion ${promotion}`)
  return square(code & 63) + square(code >> 6 & 63) + ['', '', 'n', 'b', 'r', 'q'][promotion]
}

// The columns of version 2, in order: name, physical type, logical or converted
// type, repetition.
const COLUMNS = [
  ['white', 'BYTE_ARRAY', 'UTF8', 'OPTIONAL'],
  ['black', 'BYTE_ARRAY', 'UTF8', 'OPTIONAL'],
  ['white_elo', 'INT32', 'INT_32', 'OPTIONAL'],
  ['black_elo', 'INT32', 'INT_32', 'OPTIONAL'],
  ['result', 'BYTE_ARRAY', 'UTF8', 'REQUIRED'],
  ['rated', 'BOOLEAN', undefined, 'OPTIONAL'],
  ['time_control', 'BYTE_ARRAY', 'UTF8', 'OPTIONAL'],
  ['termination', 'BYTE_ARRAY', 'UTF8', 'OPTIONAL'],
  ['date', 'BYTE_ARRAY', 'UTF8', 'OPTIONAL'],
  ['site', 'BYTE_ARRAY', 'UTF8', 'OPTIONAL'],
  ['moves', undefined, 'LIST', 'REQUIRED'],
]

function checkSchema(metadata, withSAN) {
  const want = withSAN ? [...COLUMNS, ['san', 'BYTE_ARRAY', 'UTF8', 'REQUIRED']] : COLUMNS
  const got = parquetSchema(metadata).children.map(({ element: e }) => [e.name, e.type, e.converted_type, e.repetition_type])
  if (!same(got, want)) fail(`the columns are\n${JSON.stringify(got)}\nwant\n${JSON.stringify(want)}`)
}

async function check(name) {
  const file = await asyncBufferFromFile(path.join(dir, `${name}.parquet`))
  const metadata = await parquetMetadataAsync(file)
  const withSAN = name === 'san'
  checkSchema(metadata, withSAN)
  const rows = await parquetReadObjects({ file, metadata, compressors })

  const lines = createInterface({ input: createReadStream(path.join(dir, `${name}.jsonl`)) })
  let corpus
  let game = 0, plies = 0, replayed = 0, nulls = {}
  for await (const line of lines) {
    if (!corpus) {
      corpus = JSON.parse(line)
      continue
    }
    const want = JSON.parse(line)
    const row = rows[game++]
    if (!row) fail(`${name}: hyparquet finds ${rows.length} games, the Go program has more`)
    const { san, ...got } = row
    const codes = Array.from(got.moves)
    got.moves = codes.map(uci)
    for (const column of Object.keys(want)) {
      if (!same(got[column] ?? null, want[column])) {
        fail(`${name}: game ${game}: ${column} is ${JSON.stringify(got[column])}, the Go program says ${JSON.stringify(want[column])}`)
      }
      if (want[column] === null) nulls[column] = (nulls[column] ?? 0) + 1
    }
    plies += codes.length
    // The made-up games at the start, then games from everywhere.
    if (withSAN && (game <= 10 || game % Math.ceil(rows.length / REPLAYED) === 0)) {
      replayed++
      const chess = new Chess()
      const spelled = []
      for (const [ply, move] of got.moves.entries()) {
        try {
          spelled.push(chess.move({ from: move.slice(0, 2), to: move.slice(2, 4), promotion: move[4] }, { strict: true }).san)
        } catch (e) {
          fail(`${name}: game ${game}: ply ${ply + 1}: chess.js: ${e.message}`)
        }
      }
      if (san !== spelled.join(' ')) fail(`${name}: game ${game}: SAN is\n${san}\nchess.js says\n${spelled.join(' ')}`)
    }
    if (withSAN && (san === '' ? 0 : san.split(' ').length) !== codes.length) fail(`${name}: game ${game}: ${codes.length} moves and SAN ${san}`)
  }
  if (game !== rows.length || game === 0) fail(`${name}: hyparquet finds ${rows.length} games, the Go program ${game}`)
  for (const [column, , , repetition] of COLUMNS) {
    if (repetition === 'OPTIONAL' && !nulls[column]) fail(`${name}: no game has a null in ${column}: nothing was tested`)
  }

  const keys = Object.fromEntries(metadata.key_value_metadata.map(({ key, value }) => [key, value]))
  const said = JSON.parse(keys['transcend.corpus'] ?? fail(`${name}: no transcend.corpus in the metadata`))
  const { version, games, plies: metaPlies, fingerprint, ...provenance } = said
  if (version !== 2 || games !== rows.length || metaPlies !== plies || fingerprint !== corpus.fingerprint || games !== corpus.games || plies !== corpus.plies) {
    fail(`${name}: metadata ${JSON.stringify({ version, games, metaPlies, fingerprint })}, read ${rows.length} games and ${plies} plies`)
  }
  if (!same(provenance, corpus.provenance)) fail(`${name}: provenance ${JSON.stringify(provenance)}, the Go program says ${JSON.stringify(corpus.provenance)}`)
  const { sources, report } = provenance
  if (!(sources.length > 0 && sources.every(s => s.size > 0 && /^[0-9a-f]{64}$/.test(s.sha256)))) fail(`${name}: sources ${JSON.stringify(sources)}`)
  const dropped = Object.values(report.dropped).reduce((a, b) => a + b, 0)
  if (report.seen !== report.kept + report.errors + dropped) fail(`${name}: report ${JSON.stringify(report)}`)
  if (!/Bits 0-5: from square/.test(keys['transcend.moves'])) fail(`${name}: the metadata does not say what moves are`)

  console.log(`${name}: ${rows.length} games, ${plies} plies in ${metadata.row_groups.length} row groups: equal${withSAN ? `; ${replayed} games replayed by chess.js, SAN equal` : ''}`)
}

for (const name of names) await check(name)
