// Package roots has the authorities that Mozilla trusts for systems that have none of their own.
package roots

import (
	"crypto/x509"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// Provide has crypto/x509 trust them where the system names nobody to trust. It is to be called once, before anything is
// verified. Importing x509roots/fallback instead would read these authorities and the system's at every start, which takes 9 ms
// and more than half a MiB for as long as the process lives, though most servers verify nobody.
func Provide() {
	if !systemHasSome() {
		x509.SetFallbackRoots(mozilla())
	}
}

func mozilla() *x509.CertPool {
	pool := x509.NewCertPool()
	for root := range bundle.Roots() {
		authority, err := x509.ParseCertificate(root.Certificate)
		switch {
		case err != nil:
			panic(err) // it is a part of the program
		case root.Constraint == nil:
			pool.AddCert(authority)
		default:
			pool.AddCertWithConstraint(authority, root.Constraint)
		}
	}
	return pool
}
