-- Sends a datagram, as a question for a name would be.
-- held by: 2
local fd, why = raw("socket", 2, 2, 0)
local there = string.pack(">I2", 0x0200) .. string.pack(">I2I4I8", 53, 0x7f000001, 0)
local n, also = raw("sendto", fd, "x", 1, 0, there, 16)
print(n == 1 and "ESCAPED" or also)
