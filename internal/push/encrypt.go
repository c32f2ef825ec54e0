package push

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
)

// The sizes of RFC 8188 and 8291.
const (
	recordSize = 4096 // bytes of the whole, which is what push services take at least (RFC 8030, section 7.2)
	saltBytes  = 16
	pointBytes = 65
	headBytes  = saltBytes + 4 + 1 + pointBytes
	tagBytes   = 16
	// MaxPlain is how many bytes can be told by one notification: what is left of a record behind its head, a delimiter and a tag.
	MaxPlain = recordSize - headBytes - 1 - tagBytes
)

// paddedTo are the lengths that what is told is filled up to: how long it is says nothing more than that.
var paddedTo = []int{256, 512, 1024, 2048, MaxPlain}

var errTooLong = errors.New("push: it is longer than a notification can be")

// encrypt encrypts for a browser, with a key and a salt of its own.
func encrypt(plain []byte, s *Subscription) ([]byte, error) {
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("push: make a key: %w", err)
	}
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt) // never fails
	return seal(plain, paddingOf(len(plain)), s, key, salt)
}

// paddingOf is how much is to be added to what has so many bytes.
func paddingOf(n int) int {
	for _, to := range paddedTo {
		if n <= to {
			return to - n
		}
	}
	return 0
}

// seal encrypts by RFC 8291: one record of RFC 8188, with the server's public key as its keyid.
func seal(plain []byte, padding int, s *Subscription, key *ecdh.PrivateKey, salt []byte) ([]byte, error) {
	if len(plain)+padding > MaxPlain {
		return nil, errTooLong
	}
	theirs, err := ecdh.P256().NewPublicKey(s.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("push: the key of the subscription: %w", err)
	}
	shared, err := key.ECDH(theirs)
	if err != nil {
		return nil, fmt.Errorf("push: agree upon a key: %w", err)
	}
	own := key.PublicKey().Bytes()
	secret, err := hkdf.Key(sha256.New, shared, s.Auth, "WebPush: info\x00"+string(s.PublicKey)+string(own), sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("push: derive a key: %w", err)
	}
	contentKey, err := hkdf.Key(sha256.New, secret, salt, "Content-Encoding: aes128gcm\x00", 16)
	if err != nil {
		return nil, fmt.Errorf("push: derive a key: %w", err)
	}
	nonce, err := hkdf.Key(sha256.New, secret, salt, "Content-Encoding: nonce\x00", 12)
	if err != nil {
		return nil, fmt.Errorf("push: derive a nonce: %w", err)
	}
	block, err := aes.NewCipher(contentKey)
	if err != nil {
		return nil, fmt.Errorf("push: make a cipher: %w", err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("push: make a cipher: %w", err)
	}
	out := make([]byte, 0, headBytes+len(plain)+1+padding+tagBytes)
	out = append(out, salt...)
	out = binary.BigEndian.AppendUint32(out, recordSize)
	out = append(out, pointBytes)
	out = append(out, own...)
	record := make([]byte, len(plain)+1+padding)
	copy(record, plain)
	record[len(plain)] = 2 // the last record; zeros behind it are padding
	return gcm.Seal(out, nonce, record, nil), nil
}
