-- What a script finds, made of what Lua brings and what the server adds. Runs once per Lua state,
-- with the real table of globals as its environment; scripts never see that table itself.
local native = ...

local pcall, xpcall, select, setmetatable = pcall, xpcall, select, setmetatable
local resume = coroutine.resume

-- A table that scripts read and cannot change: an empty one in front of the real one.
local function protect(real, missing)
    if missing then
        setmetatable(real, {__index = missing})
    end
    local metatable = {
        __index = real,
        __newindex = native.refuse_change,
        __metatable = native.front_metatable,
    }
    local front = setmetatable({}, metatable)
    native.note_front(front, real)
    return front, metatable
end

-- Errors of ours are objects of the server's; scripts see a string, as they do where Redis runs them.
local function settle(ok, ...)
    if ok then
        return ok, ...
    end
    return false, native.caught((...))
end

local G = {
    _VERSION = _VERSION,
    assert = assert,
    collectgarbage = native.collectgarbage,
    error = error,
    gcinfo = gcinfo,
    getmetatable = getmetatable,
    ipairs = ipairs,
    load = native.load,
    loadstring = native.loadstring,
    next = next,
    pairs = native.pairs,
    pcall = function(...) return settle(pcall(...)) end,
    rawequal = rawequal,
    rawget = native.rawget,
    rawset = native.rawset,
    select = select,
    setmetatable = native.setmetatable,
    tonumber = tonumber,
    tostring = tostring,
    type = type,
    unpack = unpack,
    xpcall = function(run, handle)
        return settle(xpcall(run, function(raised) return handle(native.seen(raised)) end))
    end,
}

coroutine.resume = function(...) return settle(resume(...)) end

local libraries = {
    bit = native.bit,
    cjson = native.cjson,
    cmsgpack = native.cmsgpack,
    coroutine = coroutine,
    math = math,
    os = {clock = os.clock},
    redis = native.redis,
    string = string,
    struct = native.struct,
    table = table,
}
for name, library in next, libraries do
    G[name] = protect(library)
end

-- Strings have one metatable for all scripts: methods are found by it, and nobody changes it.
local of_strings = getmetatable("")
of_strings.__index = string
of_strings.__metatable = protect({__index = G.string})

local front, of_front = protect(G, native.missing_global)
G._G = front

-- While a library is loaded it finds this and nothing else.
local loading = {redis = protect(native.redis_while_loading, native.missing_global)}
setmetatable(loading, {__index = native.missing_global})

local report = native.report

local function run(chunk)
    return xpcall(chunk, report)
end

local function run_function(callback, keys, arguments)
    return xpcall(function() return callback(keys, arguments) end, report)
end

local function load_library(chunk)
    of_front.__index = loading
    local ok, reported = xpcall(chunk, report)
    of_front.__index = G
    return ok, reported
end

return front, G, run, run_function, load_library
