package postgres

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

// ErrOtherSecret says that the servers of the database sign tokens by another secret than this one would: a token of one
// would be worth nothing to the other.
var ErrOtherSecret = errors.New("the servers of this database sign tokens by another secret")

// ErrNoSecret says that no server has signed tokens in the database yet.
var ErrNoSecret = errors.New("no server has run on this database yet, it has no secret for tokens")

// tokenSecret is the name of the row.
const tokenSecret = "tokens"

// TokenSecret returns the secret by which all servers of the database sign tokens: given, or where that is empty the
// database's own, which is made where there is none. Which of the two it is the first server decides; for who comes with
// something else the error is an [ErrOtherSecret], in words for the operator. Of a given secret the database keeps a
// fingerprint alone. Several processes may call it at once: all get the same secret.
func (s *Store) TokenSecret(ctx context.Context, given account.Secret) (account.Secret, error) {
	offered, value := given, sql.NullString{}
	if given == "" {
		offered = account.NewSecret()
		value = sql.NullString{String: string(offered), Valid: true}
	}
	err := s.writer.Do(ctx, func(t *tx) error {
		_, err := t.exec(`INSERT INTO secrets (name, value, fingerprint) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING`,
			tokenSecret, value, fingerprint(offered))
		return err
	})
	if err != nil {
		return "", fmt.Errorf("postgres: keep the secret for tokens: %w", err)
	}
	return s.KnownTokenSecret(ctx, given)
}

// KnownTokenSecret is TokenSecret for commands beside the server: it makes nothing, and where there is no secret the error
// is [ErrNoSecret].
func (s *Store) KnownTokenSecret(ctx context.Context, given account.Secret) (account.Secret, error) {
	var value sql.NullString
	var known []byte
	found, err := rows.Found(s.readers.row(ctx, `SELECT value, fingerprint FROM secrets WHERE name = $1`, tokenSecret).Scan(&value, &known))
	switch {
	case err != nil:
		return "", fmt.Errorf("postgres: read the secret for tokens: %w", err)
	case !found:
		return "", fmt.Errorf("postgres: %w", ErrNoSecret)
	}
	return agree(given, account.Secret(value.String), known)
}

// agree compares the secret that was given, if one was, with what the database has: its own secret, or the fingerprint of
// one that its servers are given.
func agree(given, kept account.Secret, known []byte) (account.Secret, error) {
	const change = "To change it for good, stop all servers and DELETE FROM secrets WHERE name = '" + tokenSecret + "': it signs everybody out"
	switch {
	case given != "" && !bytes.Equal(fingerprint(given), known) && kept != "":
		return "", fmt.Errorf("postgres: %w: one that is in the database. Start this one without jwt-secret. %s", ErrOtherSecret, change)
	case given != "" && !bytes.Equal(fingerprint(given), known):
		return "", fmt.Errorf("postgres: %w: they are given another jwt-secret. Give all the same. %s", ErrOtherSecret, change)
	case given != "":
		return given, nil
	case kept == "":
		return "", fmt.Errorf("postgres: %w: they are given a jwt-secret, and this one is not. Give all the same. %s", ErrOtherSecret, change)
	}
	if err := kept.Validate(); err != nil {
		return "", fmt.Errorf("postgres: the secret for tokens in the database: %w", err)
	}
	if !bytes.Equal(fingerprint(kept), known) {
		return "", errors.New("postgres: the secret for tokens in the database is not the one that it was: its fingerprint is another's. " + change)
	}
	return kept, nil
}

// clusterSecret is the name of the row.
const clusterSecret = "cluster"

// ClusterSecret returns the secret by which the servers of the database know what comes from each other. It is made where
// there is none. Several processes may call it at once: all get the same.
func (s *Store) ClusterSecret(ctx context.Context) (account.Secret, error) {
	made := account.NewSecret()
	err := s.readers.change(ctx, `INSERT INTO secrets (name, value, fingerprint) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING`,
		clusterSecret, string(made), fingerprint(made))
	if err != nil {
		return "", fmt.Errorf("postgres: keep the secret of the servers: %w", err)
	}
	var kept string
	if err := s.readers.row(ctx, `SELECT value FROM secrets WHERE name = $1`, clusterSecret).Scan(&kept); err != nil {
		return "", fmt.Errorf("postgres: read the secret of the servers: %w", err)
	}
	if err := account.Secret(kept).Validate(); err != nil {
		return "", fmt.Errorf("postgres: the secret of the servers in the database: %w", err)
	}
	return account.Secret(kept), nil
}

// fingerprint tells no more of a secret than a token that is signed by it.
func fingerprint(secret account.Secret) []byte {
	sum := hmac.New(sha256.New, []byte(secret))
	sum.Write([]byte("sockeye: the fingerprint of the secret for tokens"))
	return sum.Sum(nil)
}
