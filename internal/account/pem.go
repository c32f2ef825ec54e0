package account

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

const minRSABits = 2048

// parsePEM reads every public key of a PEM file, and says which algorithms suit them. A private key is refused: whoever
// verifies has no need of it, and a file that holds one was most likely named by mistake.
func parsePEM(raw []byte) (jwt.VerificationKeySet, []string, error) {
	var set jwt.VerificationKeySet
	var suited []string
	for {
		var block *pem.Block
		if block, raw = pem.Decode(raw); block == nil {
			break
		}
		key, err := parseBlock(block)
		if err != nil {
			return set, nil, err
		}
		algorithms, err := algorithmsOf(key)
		if err != nil {
			return set, nil, err
		}
		set.Keys = append(set.Keys, key)
		for _, alg := range algorithms {
			if !slices.Contains(suited, alg) {
				suited = append(suited, alg)
			}
		}
	}
	if len(set.Keys) == 0 {
		return set, nil, errors.New("holds no PEM public key")
	}
	return set, suited, nil
}

func parseBlock(block *pem.Block) (any, error) {
	switch {
	case block.Type == "PUBLIC KEY":
		return x509.ParsePKIXPublicKey(block.Bytes)
	case block.Type == "RSA PUBLIC KEY":
		return x509.ParsePKCS1PublicKey(block.Bytes)
	case block.Type == "CERTIFICATE":
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		return cert.PublicKey, nil
	case strings.HasSuffix(block.Type, "PRIVATE KEY"):
		return nil, errors.New("holds a private key; give the public key only")
	}
	return nil, fmt.Errorf("holds a PEM block %q, which is no public key", block.Type)
}

func algorithmsOf(key any) ([]string, error) {
	switch key := key.(type) {
	case *rsa.PublicKey:
		if key.N.BitLen() < minRSABits {
			return nil, fmt.Errorf("holds an RSA key of %d bits, at least %d are needed", key.N.BitLen(), minRSABits)
		}
		return rsaAlgorithms, nil
	case *ecdsa.PublicKey:
		if alg, ok := map[int]string{256: "ES256", 384: "ES384", 521: "ES512"}[key.Curve.Params().BitSize]; ok {
			return []string{alg}, nil
		}
		return nil, fmt.Errorf("holds a key on curve %s, which no algorithm uses", key.Curve.Params().Name)
	case ed25519.PublicKey:
		return []string{"EdDSA"}, nil
	}
	return nil, fmt.Errorf("holds a key of type %T, which no algorithm uses", key)
}
