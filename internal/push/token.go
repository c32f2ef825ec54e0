package push

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
)

// signed makes a JWT (RFC 7519) by a key: RS256 by one of RSA, ES256 by one of P-256. What is signed twice is the same both times
// (RFC 6979 and 8017), so that all nodes have one token.
func signed(key crypto.Signer, keyID string, claims any) (string, error) {
	algorithm := "RS256"
	if _, is := key.(*ecdsa.PrivateKey); is {
		algorithm = "ES256"
	}
	var text string
	for _, part := range []any{map[string]string{"alg": algorithm, "kid": keyID, "typ": "JWT"}, claims} {
		encoded, err := json.Marshal(part)
		if err != nil {
			return "", fmt.Errorf("push: encode a token: %w", err)
		}
		text += base64.RawURLEncoding.EncodeToString(encoded) + "."
	}
	text = text[:len(text)-1]
	digest := sha256.Sum256([]byte(text))
	signature, err := key.Sign(nil, digest[:], crypto.SHA256)
	if err == nil && algorithm == "ES256" {
		signature, err = bothNumbers(signature)
	}
	if err != nil {
		return "", fmt.Errorf("push: sign a token: %w", err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

// bothNumbers are those of a signature one behind the other (RFC 7518, section 3.4).
func bothNumbers(signature []byte) ([]byte, error) {
	var numbers struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(signature, &numbers); err != nil {
		return nil, fmt.Errorf("read a signature: %w", err)
	}
	out := make([]byte, 64)
	numbers.R.FillBytes(out[:32])
	numbers.S.FillBytes(out[32:])
	return out, nil
}

// privateKey reads a key in PEM, as Apple and Google hand them out (PKCS #8).
func privateKey(text []byte) (crypto.Signer, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, errors.New("there is no private key in PEM in it, which begins with -----BEGIN PRIVATE KEY-----")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("its private key cannot be read: %w", err)
	}
	switch key := key.(type) {
	case *ecdsa.PrivateKey:
		return key, nil
	case *rsa.PrivateKey:
		return key, nil
	}
	return nil, fmt.Errorf("its private key is a %T", key)
}
