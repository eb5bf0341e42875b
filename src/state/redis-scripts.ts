/**
 * What the Redis store does in one moment, as scripts that Redis runs whole. They are sent by digest and again in full when the
 * server does not know them, so a server that was restarted or replaced needs no preparation.
 *
 * KEYS[1] is the store's prefix with its hash tag; every key a script touches is made from it, so all of them lie in one slot.
 * Below it: `e:<key>` a hash of value `v` and version `n`, gone when its time has run out · `keys` a sorted set of all keys, for
 * order · `times` the keys that have a time, by when it runs out · `l:<name>` a hash of a lease's `owner` and `token`, gone when it
 * has run out · `a:<id>` the answer of a change, kept for as long as it may be asked for again · `count` versions and tokens.
 */

/** An answer that is kept is given again: the change was made, and only its answer was lost on the way. */
const once = `
local prefix = KEYS[1]
local kept = redis.call('GET', prefix .. 'a:' .. ARGV[1])
if kept then return cjson.decode(kept) end
local function answer(given)
  redis.call('SET', prefix .. 'a:' .. ARGV[1], cjson.encode(given), 'PX', ARGV[2])
  return given
end
`

export interface Script {
  readonly numberOfKeys: 1
  readonly readOnly: boolean
  readonly lua: string
}

const reads = (lua: string): Script => ({ numberOfKeys: 1, readOnly: true, lua })
const changes = (lua: string): Script => ({ numberOfKeys: 1, readOnly: false, lua: once + lua })

export const scripts = {
  /** keys… → value, version, or two nothings, for each. */
  getMany: reads(`
local prefix = KEYS[1]
local found = {}
for at = 1, #ARGV do
  local entry = redis.call('HMGET', prefix .. 'e:' .. ARGV[at], 'v', 'n')
  found[2 * at - 1] = entry[1]
  found[2 * at] = entry[2]
end
return found`),

  /** lowest, highest, limit → key, value, version for each; keys whose time has run out are passed over. */
  scan: reads(`
local prefix = KEYS[1]
local limit = tonumber(ARGV[3])
local from = ARGV[1]
local found = {}
while #found < 3 * limit do
  local page = redis.call('ZRANGEBYLEX', prefix .. 'keys', from, ARGV[2], 'LIMIT', 0, limit)
  for _, key in ipairs(page) do
    local entry = redis.call('HMGET', prefix .. 'e:' .. key, 'v', 'n')
    if entry[1] and #found < 3 * limit then
      found[#found + 1] = key
      found[#found + 1] = entry[1]
      found[#found + 1] = entry[2]
    end
  end
  if #page < limit then break end
  from = '(' .. page[#page]
end
return found`),

  /** id, time to keep its answer, number of checks, then kind, name and value of each check, then kind, key, value and time of each write. */
  transact: changes(`
local at = 4
for _ = 1, tonumber(ARGV[3]) do
  local kind, name, wanted = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  at = at + 3
  if kind == 'lease' then
    if redis.call('HGET', prefix .. 'l:' .. name, 'token') ~= wanted then return answer({'fenced', name}) end
  else
    local version = redis.call('HGET', prefix .. 'e:' .. name, 'n')
    if kind == 'absent' then
      if version then return answer({'conflict', name}) end
    elseif version ~= wanted then
      return answer({'conflict', name})
    end
  end
end
local version = redis.call('INCR', prefix .. 'count')
local clock = redis.call('TIME')
local nowMs = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
while at <= #ARGV do
  local kind, key, value, timeMs = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  at = at + 4
  local entry = prefix .. 'e:' .. key
  redis.call('DEL', entry)
  if kind == 'delete' then
    redis.call('ZREM', prefix .. 'keys', key)
    redis.call('ZREM', prefix .. 'times', key)
  else
    redis.call('HSET', entry, 'v', value, 'n', version)
    redis.call('ZADD', prefix .. 'keys', 0, key)
    if timeMs == '' then
      redis.call('ZREM', prefix .. 'times', key)
    else
      redis.call('PEXPIRE', entry, timeMs)
      redis.call('ZADD', prefix .. 'times', nowMs + tonumber(timeMs), key)
    end
  end
end
return answer({'committed', string.format('%.0f', version)})`),

  /** id, time to keep its answer, name, owner, time, token of a holder that is known to be dead or nothing → token, or who holds it. */
  acquire: changes(`
local lease = prefix .. 'l:' .. ARGV[3]
local held = redis.call('HMGET', lease, 'owner', 'token')
if held[1] and held[2] ~= ARGV[6] then return answer({'held', held[1], held[2]}) end
local token = string.format('%.0f', redis.call('INCR', prefix .. 'count'))
redis.call('HSET', lease, 'owner', ARGV[4], 'token', token)
redis.call('PEXPIRE', lease, ARGV[5])
return answer({'taken', token})`),

  /** name, token, time → whether the lease is held under the token. Doing it again does no harm. */
  renew: {
    numberOfKeys: 1,
    readOnly: false,
    lua: `
local lease = KEYS[1] .. 'l:' .. ARGV[1]
if redis.call('HGET', lease, 'token') ~= ARGV[2] then return 0 end
return redis.call('PEXPIRE', lease, ARGV[3])`,
  },

  /** name, token. */
  release: {
    numberOfKeys: 1,
    readOnly: false,
    lua: `
local lease = KEYS[1] .. 'l:' .. ARGV[1]
if redis.call('HGET', lease, 'token') == ARGV[2] then redis.call('DEL', lease) end
return 0`,
  },

  /** limit → how many keys whose time has run out were removed from the order of keys. */
  sweep: {
    numberOfKeys: 1,
    readOnly: false,
    lua: `
local prefix = KEYS[1]
local clock = redis.call('TIME')
local nowMs = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
local due = redis.call('ZRANGEBYSCORE', prefix .. 'times', '-inf', nowMs, 'LIMIT', 0, ARGV[1])
for _, key in ipairs(due) do
  redis.call('ZREM', prefix .. 'times', key)
  redis.call('ZREM', prefix .. 'keys', key)
  redis.call('DEL', prefix .. 'e:' .. key)
end
return #due`,
  },
} as const satisfies Record<string, Script>

export type ScriptName = keyof typeof scripts
