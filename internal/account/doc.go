// Package account knows who a caller is: it signs the server's own tokens and verifies tokens, its own and those of
// other issuers.
//
// A token is a JSON Web Token. Its issuer (the claim "iss") chooses the verifier, and the verifier alone decides which
// keys and which algorithms count. What the token says about its algorithm is only ever compared with that list, so
// neither an unsigned token nor one that passes a public key off as a shared secret gets in.
package account
