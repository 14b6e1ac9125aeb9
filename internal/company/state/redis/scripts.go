package redis

import "github.com/redis/rueidis"

// Every script that writes for one call begins with this. The outcomes of a replica are
// gone when somebody has emptied the server (3). A slot has the number of the last write
// in it, negative when that was called off; numbers only grow, so that a command which
// comes late, after it was called off or done, has no effect (2).
//
// KEYS[1] the outcomes; ARGV[1] the epoch, [2] the slot, [3] the write's number
const guard = `
local noted = redis.call('HMGET', KEYS[1], 'epoch', ARGV[2])
if noted[1] ~= ARGV[1] then return 3 end
local number = tonumber(ARGV[3])
if math.abs(tonumber(noted[2] or 0)) >= number then return 2 end
`

// forget takes a record's key out of what lists it, and is defined where it is needed.
//
// ARGV of forget: key, member of the dying, keys of the sorted set, the dying, the tables; the table
const forget = `
local function forget(key, sorted, name)
  redis.call('ZREM', sorted, key)
  redis.call('ZREM', dying, name .. '\0' .. key)
  if redis.call('EXISTS', sorted) == 0 then redis.call('SREM', tables, name) end
end
`

// swap writes a record if the one that stands is of the version expected. It answers 1, or
// what stands. STRLEN lets the server tell us of the next change, which it does once for
// each time that a key was read.
//
// KEYS [2] the record, [3] the table's sorted set, [4] the dying, [5] the tables
// ARGV [4] the version expected, [5] what is to stand (”: nothing), [6] the key, [7] the table, [8] when it dies
var swap = rueidis.NewLuaScript(guard + `
local dying, tables = KEYS[4], KEYS[5]
` + forget + `
local was = redis.call('GETRANGE', KEYS[2], 0, 23)
if string.sub(was, 1, 16) ~= ARGV[4] then return redis.call('GET', KEYS[2]) or '' end
if ARGV[5] == '' then
  redis.call('DEL', KEYS[2])
  forget(ARGV[6], KEYS[3], ARGV[7])
else
  redis.call('SET', KEYS[2], ARGV[5])
  if was == '' then
    redis.call('ZADD', KEYS[3], 0, ARGV[6])
    redis.call('SADD', tables, ARGV[7])
  end
  if ARGV[8] ~= '' then
    redis.call('ZADD', dying, ARGV[8], ARGV[7] .. '\0' .. ARGV[6])
  elseif was ~= '' and string.sub(was, 17, 24) ~= '\0\0\0\0\0\0\0\0' then
    redis.call('ZREM', dying, ARGV[7] .. '\0' .. ARGV[6])
  end
end
redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
redis.call('STRLEN', KEYS[2])
return 1
`)

// drop deletes records of a range of one table's keys and answers which.
//
// KEYS [2] the table's sorted set, [3] the dying, [4] the tables
// ARGV [4] [5] the range, [6] how many, [7] the table, [8] what its records' keys begin with
var drop = rueidis.NewLuaScript(guard + `
local dying, tables = KEYS[3], KEYS[4]
` + forget + `
local keys = redis.call('ZRANGEBYLEX', KEYS[2], ARGV[4], ARGV[5], 'LIMIT', 0, ARGV[6])
for _, key in ipairs(keys) do
  redis.call('DEL', ARGV[8] .. key)
  forget(key, KEYS[2], ARGV[7])
end
if #keys > 0 then redis.call('HSET', KEYS[1], ARGV[2], ARGV[3]) end
return keys
`)

// sweep deletes records that are dead and answers which, as the dying have them.
//
// KEYS [1] the outcomes, [2] the dying, [3] the tables
// ARGV [1] the epoch, [2] now in µs, [3] how many, [4] what records' keys begin with, [5] what sorted sets' do
var sweep = rueidis.NewLuaScript(`
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then return {} end
local dying, tables = KEYS[2], KEYS[3]
` + forget + `
local dead = redis.call('ZRANGEBYSCORE', dying, '-inf', ARGV[2], 'LIMIT', 0, ARGV[3])
for _, member in ipairs(dead) do
  local cut = string.find(member, '\0', 1, true)
  local name, key = string.sub(member, 1, cut - 1), string.sub(member, cut + 1)
  redis.call('DEL', ARGV[4] .. member)
  forget(key, ARGV[5] .. name, name)
end
return dead
`)

// list answers keys of a range, and when each dies.
//
// KEYS [1] the table's sorted set, [2] the dying; ARGV [1] [2] the range, [3] how many, [4] the table
var list = rueidis.NewLuaScript(`
local keys = redis.call('ZRANGEBYLEX', KEYS[1], ARGV[1], ARGV[2], 'LIMIT', 0, ARGV[3])
if #keys == 0 then return {{}, {}} end
local members = {}
for i, key in ipairs(keys) do members[i] = ARGV[4] .. '\0' .. key end
return {keys, redis.call('ZMSCORE', KEYS[2], unpack(members))}
`)

// join makes a replica known in the epoch that is, or begins one, and answers which.
//
// KEYS [1] the outcomes, [2] the epoch; ARGV [1] a new epoch, [2] how long outcomes stay, in s
var join = rueidis.NewLuaScript(`
local epoch = redis.call('GET', KEYS[2])
if not epoch then
  epoch = ARGV[1]
  redis.call('SET', KEYS[2], epoch)
end
redis.call('HSET', KEYS[1], 'epoch', epoch)
redis.call('EXPIRE', KEYS[1], ARGV[2])
return epoch
`)

// resolve answers whether a write was done (1), and calls it off if it was not (0).
//
// KEYS [1] the outcomes; ARGV [1] the epoch, [2] the slot, [3] the write's number
var resolve = rueidis.NewLuaScript(`
local noted = redis.call('HMGET', KEYS[1], 'epoch', ARGV[2])
if noted[1] ~= ARGV[1] then return 0 end
local last, number = tonumber(noted[2] or 0), tonumber(ARGV[3])
if last == number then return 1 end
if math.abs(last) < number then redis.call('HSET', KEYS[1], ARGV[2], -number) end
return 0
`)
