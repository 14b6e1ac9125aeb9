package redis

import "github.com/redis/rueidis"

// What the scripts name as KEYS is what the server is to tell us changes of. Each read of
// a script notes all of them down once more, so there are as few as can be; the other keys
// follow from that of the outcomes.

// places are the other keys.
//
// ARGV [1] the outcomes, of which the name of a replica is the end
const places = `
local prefix = string.sub(ARGV[1], 1, -19)
local dying, tables = prefix .. 'd', prefix .. 't'
`

// Every script that writes for one call begins with this. The outcomes of a replica are
// gone when somebody has emptied the server (3). A slot has the number of the last write
// in it, negative when that was called off; numbers only grow, so that a command which
// comes late, after it was called off or done, has no effect (2).
//
// ARGV [1] the outcomes, [2] the epoch, [3] the slot, [4] the write's number
const guard = `
local noted = redis.call('HMGET', ARGV[1], 'epoch', ARGV[3])
if noted[1] ~= ARGV[2] then return 3 end
if noted[2] and math.abs(noted[2]) >= tonumber(ARGV[4]) then return 2 end
`

// forget takes a record's key out of what lists it; places come before it.
const forget = `
local function forget(name, key)
  local sorted = prefix .. 'k:' .. name
  redis.call('ZREM', sorted, key)
  redis.call('ZREM', dying, name .. '\0' .. key)
  if redis.call('EXISTS', sorted) == 0 then redis.call('SREM', tables, name) end
end
`

// swap writes a record if the one that stands is of the version expected. It answers 1, or
// what stands. STRLEN lets the server tell us of the next change, which it does once for
// each time that a key was read. Most writes change a record that lives for ever, or for
// a while, and the rest of the script is for the others.
//
// KEYS [1] the record
// ARGV [5] the version expected, [6] what is to stand (”: nothing), [7] when it dies
var swap = rueidis.NewLuaScript(guard + `
local was = redis.call('GETRANGE', KEYS[1], 0, 23)
if string.sub(was, 1, 16) ~= ARGV[5] then return redis.call('GET', KEYS[1]) or '' end
local died = was ~= '' and string.sub(was, 17) ~= '\0\0\0\0\0\0\0\0'
local value, dies = ARGV[6], ARGV[7]
if value ~= '' then redis.call('SET', KEYS[1], value) else redis.call('DEL', KEYS[1]) end
if value == '' or was == '' or dies ~= '' or died then
` + places + forget + `
  local member = string.sub(KEYS[1], #prefix + 3)
  local cut = string.find(member, '\0', 1, true)
  local name, key = string.sub(member, 1, cut - 1), string.sub(member, cut + 1)
  if value == '' then
    forget(name, key)
  else
    if was == '' then
      redis.call('ZADD', prefix .. 'k:' .. name, 0, key)
      redis.call('SADD', tables, name)
    end
    if dies ~= '' then
      redis.call('ZADD', dying, dies, member)
    elseif died then
      redis.call('ZREM', dying, member)
    end
  end
end
redis.call('HSET', ARGV[1], ARGV[3], ARGV[4])
redis.call('STRLEN', KEYS[1])
return 1
`)

// drop deletes records of a range of one table's keys and answers which.
//
// ARGV [5] [6] the range, [7] how many, [8] the table
var drop = rueidis.NewLuaScript(guard + places + forget + `
local keys = redis.call('ZRANGEBYLEX', prefix .. 'k:' .. ARGV[8], ARGV[5], ARGV[6], 'LIMIT', 0, ARGV[7])
for _, key in ipairs(keys) do
  redis.call('DEL', prefix .. 'r:' .. ARGV[8] .. '\0' .. key)
  forget(ARGV[8], key)
end
if #keys > 0 then redis.call('HSET', ARGV[1], ARGV[3], ARGV[4]) end
return keys
`)

// sweep deletes records that are dead and answers which, as the dying have them.
//
// ARGV [1] the outcomes, [2] the epoch, [3] now in µs, [4] how many
var sweep = rueidis.NewLuaScript(places + forget + `
if redis.call('HGET', ARGV[1], 'epoch') ~= ARGV[2] then return {} end
local dead = redis.call('ZRANGEBYSCORE', dying, '-inf', ARGV[3], 'LIMIT', 0, ARGV[4])
for _, member in ipairs(dead) do
  local cut = string.find(member, '\0', 1, true)
  redis.call('DEL', prefix .. 'r:' .. member)
  forget(string.sub(member, 1, cut - 1), string.sub(member, cut + 1))
end
return dead
`)

// list answers keys of a range, and when each dies.
//
// ARGV [1] [2] the range, [3] how many, [4] the table, [5] its sorted set, [6] the dying
var list = rueidis.NewLuaScript(`
local keys = redis.call('ZRANGEBYLEX', ARGV[5], ARGV[1], ARGV[2], 'LIMIT', 0, ARGV[3])
if #keys == 0 then return {{}, {}} end
local members = {}
for i, key in ipairs(keys) do members[i] = ARGV[4] .. '\0' .. key end
return {keys, redis.call('ZMSCORE', ARGV[6], unpack(members))}
`)

// join makes a replica known in the epoch that is, or begins one, and answers which.
//
// ARGV [1] the outcomes, [2] the epoch's key, [3] a new epoch, [4] how long outcomes stay, in s
var join = rueidis.NewLuaScript(`
local epoch = redis.call('GET', ARGV[2])
if not epoch then
  epoch = ARGV[3]
  redis.call('SET', ARGV[2], epoch)
end
redis.call('HSET', ARGV[1], 'epoch', epoch)
redis.call('EXPIRE', ARGV[1], ARGV[4])
return epoch
`)

// resolve answers whether a write was done (1), and calls it off if it was not (0).
//
// ARGV as those of the guard
var resolve = rueidis.NewLuaScript(`
local noted = redis.call('HMGET', ARGV[1], 'epoch', ARGV[3])
if noted[1] ~= ARGV[2] then return 0 end
local last, number = tonumber(noted[2] or 0), tonumber(ARGV[4])
if last == number then return 1 end
if math.abs(last) < number then redis.call('HSET', ARGV[1], ARGV[3], -number) end
return 0
`)
