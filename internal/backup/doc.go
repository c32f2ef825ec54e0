// Package backup writes and reads the file of a backup: one archive with everything that a data folder holds, of which
// every byte is covered by a checksum. It knows neither the database nor the server.
//
// The file is a POSIX tar archive, so that in an emergency any tar can unpack it, with these entries in this order:
//
//	sockeye-backup.json   the [Manifest]: version of the format, what the backup is of, and its parts with their sizes
//	data/…                the parts
//	SHA256SUMS            the SHA-256 of each entry before, as sha256sum -c reads it
//	sockeye-backup.end    the SHA-256 of all bytes before this entry
//
// The last entry and the end of the archive are the last [endSize] bytes, and are what [end] makes of that sum: any byte
// of the file that is not as it was written shows, whatever it belongs to. Both ways the file is a stream, and is held in
// memory nowhere.
package backup
