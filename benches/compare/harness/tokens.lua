-- For wrk: requests with the tokens of one file, in the order that another gives by number.
local requests, order, at = {}, {}, 0

init = function(args)
    for token in io.lines(args[1]) do
        requests[#requests + 1] = wrk.format("GET", nil, { Authorization = "Bearer " .. token })
    end
    for number in io.lines(args[2]) do
        order[#order + 1] = tonumber(number)
    end
end

request = function()
    at = at % #order + 1
    return requests[order[at]]
end
