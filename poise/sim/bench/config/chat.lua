-- The chat load: every request is the same; a connection may rest between two, so that the rate stays below what the
-- load core can make. A rest is a whole number of milliseconds, evenly spread from 0 to twice the mean; only a share
-- of the requests is followed by one.
local file = assert(io.open(os.getenv("BENCH_BODY"), "rb"))
wrk.method = "POST"
wrk.body = file:read("*a")
file:close()
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Accept"] = "application/json"
wrk.headers["Authorization"] = "Bearer " .. os.getenv("BENCH_KEY")

local rest_ms = tonumber(os.getenv("BENCH_REST_MS"))
local rest_share = tonumber(os.getenv("BENCH_REST_SHARE"))
if rest_ms > 0 then
  function delay()
    if math.random() < rest_share then return math.random(0, 2 * rest_ms) end
    return 0
  end
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    'BENCH {"requests":%d,"took_us":%d,"status":%d,"connect":%d,"read":%d,"write":%d,"timeout":%d}\n',
    summary.requests, summary.duration, errors.status, errors.connect, errors.read, errors.write, errors.timeout))
end
