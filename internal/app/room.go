package app

const (
	// ownDescriptors is how many open files the server keeps for itself at least: of
	// the store, of listeners, of connections that are about to end or change hands.
	ownDescriptors = 96
	// ownShare is which part of a higher limit that is.
	ownShare = 64
)

// room is how many connections the limit for open files leaves; 0 when there is no
// limit, or none is known.
func room(files int) int {
	if files <= 0 {
		return 0
	}
	return max(files-max(ownDescriptors, files/ownShare), files/2)
}
