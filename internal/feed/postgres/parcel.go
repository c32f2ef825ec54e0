package postgres

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// A notification is a text of less than 8,000 bytes. So payloads travel in parcels: some
// payloads, each behind its length as a varint, in base64, cut into pieces. A piece is
//
//	sender "." parcel "." index "/" pieces "." base64
//
// with the number of the parcel and an index that begins with 0. The pieces of a parcel are
// notifications of one transaction, so no other ones come between them; and no two of them
// are the same, of which PostgreSQL would drop one.
const (
	pieceSize  = 7_900
	headerSize = 80 // at most
	dataSize   = (pieceSize - headerSize) / 4 * 3
	// parcelSize is how many bytes of payloads a parcel has, unless a single one has more.
	parcelSize = 256 << 10
	// mostPieces bounds what a receiver keeps: 24 MB.
	mostPieces = 4096

	// hello begins what is no piece: a connection's word to itself.
	hello = "hello."
)

// fitting is how many of the payloads go into one parcel.
func fitting(payloads [][]byte) (n int) {
	size := 0
	for n < len(payloads) && (n == 0 || size+len(payloads[n]) <= parcelSize) {
		size += len(payloads[n])
		n++
	}
	return n
}

// pieces cuts a parcel.
func pieces(sender string, parcel uint64, payloads [][]byte) (texts []string) {
	size := 0
	for _, payload := range payloads {
		size += binary.MaxVarintLen64 + len(payload)
	}
	data := make([]byte, 0, size)
	for _, payload := range payloads {
		data = binary.AppendUvarint(data, uint64(len(payload)))
		data = append(data, payload...)
	}
	count := (len(data) + dataSize - 1) / dataSize
	text := make([]byte, 0, pieceSize)
	for i := range count {
		part := data[i*dataSize : min((i+1)*dataSize, len(data))]
		text = fmt.Appendf(text[:0], "%s.%d.%d/%d.", sender, parcel, i, count)
		text = base64.RawStdEncoding.AppendEncode(text, part)
		texts = append(texts, string(text))
	}
	return texts
}

// joiner puts parcels together. Pieces without those before them are left out.
type joiner struct {
	of   string // sender and parcel
	next int    // piece
	data []byte
}

// fewPieces are those of a parcel for which there is room at once: whoever claims more has to send them.
const fewPieces = 8

// add takes the next piece, and returns the payloads of a parcel that is complete with it.
func (j *joiner) add(text string) (payloads [][]byte) {
	of, index, count, part, ok := cut(text)
	if !ok || index != 0 && (of != j.of || index != j.next) {
		*j = joiner{}
		return nil
	}
	if index == 0 {
		*j = joiner{of: of, data: make([]byte, 0, min(count, fewPieces)*base64.RawStdEncoding.DecodedLen(len(part)))}
	}
	var err error
	if j.data, err = base64.RawStdEncoding.AppendDecode(j.data, []byte(part)); err != nil {
		*j = joiner{}
		return nil
	}
	if j.next = index + 1; j.next < count {
		return nil
	}
	payloads = open(j.data)
	*j = joiner{}
	return payloads
}

func cut(text string) (of string, index, count int, part string, ok bool) {
	sender, rest, _ := strings.Cut(text, ".")
	parcel, rest, _ := strings.Cut(rest, ".")
	place, part, ok := strings.Cut(rest, ".")
	if !ok {
		return "", 0, 0, "", false
	}
	at, all, _ := strings.Cut(place, "/")
	index, err := strconv.Atoi(at)
	if err != nil || index < 0 {
		return "", 0, 0, "", false
	}
	count, err = strconv.Atoi(all)
	if err != nil || index >= count || count > mostPieces {
		return "", 0, 0, "", false
	}
	return text[:len(sender)+1+len(parcel)], index, count, part, true
}

// open returns the payloads of a parcel, up to where it is malformed.
func open(data []byte) (payloads [][]byte) {
	for len(data) > 0 {
		size, n := binary.Uvarint(data)
		if n <= 0 || size > uint64(len(data)-n) {
			return payloads
		}
		payloads = append(payloads, data[n:n+int(size):n+int(size)]) //nolint:gosec // it is within data
		data = data[n+int(size):]                                    //nolint:gosec // likewise
	}
	return payloads
}
