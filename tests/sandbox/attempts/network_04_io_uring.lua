-- Asks for io_uring, which makes calls in another way.
-- held by: 2
local fd, why = raw("io_uring_setup", 1, 0)
print((fd >= 0 or why == "EFAULT") and "ESCAPED" or why)
