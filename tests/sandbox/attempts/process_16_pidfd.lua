-- Sends its parent a signal by a file descriptor.
-- held by: 2
local fd = raw("pidfd_open", raw "getppid", 0)
local done, why = raw("pidfd_send_signal", fd, 0, 0, 0)
print(done == 0 and "ESCAPED" or why)
