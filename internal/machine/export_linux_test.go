package machine

// DiskFrom is what DiskOf makes of an answer of the system.
var DiskFrom = diskOf
