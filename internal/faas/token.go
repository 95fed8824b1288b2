package faas

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
)

// WorkerKey makes the tokens by which workers know the service: a worker's token is the Ed25519
// signature (RFC 8032, deterministic) of its id. Every API and engine computes the same one from
// the secret that they share and none stores it, while a worker is given no secret at all: it
// checks the first token that it meets against the public key.
type WorkerKey struct{ private ed25519.PrivateKey }

// MinWorkerSecret is the least length, in bytes, of the secret that tokens come from: one that can
// be guessed is none.
const MinWorkerSecret = 32

// tokenContext sets these signatures apart from whatever else a key may sign some day.
const tokenContext = "faas worker token 1\x00"

// NewWorkerKey derives the key from the service's secret.
func NewWorkerKey(secret string) (WorkerKey, error) {
	if len(secret) < MinWorkerSecret {
		return WorkerKey{}, fmt.Errorf(
			"the secret of the workers' tokens has %d bytes, at least %d are needed: openssl rand -hex 32 makes one",
			len(secret), MinWorkerSecret,
		)
	}
	seed := sha256.Sum256([]byte(tokenContext + secret))
	return WorkerKey{ed25519.NewKeyFromSeed(seed[:])}, nil
}

// Token returns the token that the worker's agent demands.
func (k WorkerKey) Token(workerID string) string {
	return base64.RawURLEncoding.EncodeToString(ed25519.Sign(k.private, []byte(tokenContext+workerID)))
}

// Public returns what the agent checks tokens with, as text. It is no secret.
func (k WorkerKey) Public() string {
	return base64.RawURLEncoding.EncodeToString(k.private.Public().(ed25519.PublicKey))
}

// TokenChecker checks a worker's token against the service's public key.
type TokenChecker struct {
	public   ed25519.PublicKey
	workerID string
}

// NewTokenChecker is for the worker of the id; public is what WorkerKey.Public gave.
func NewTokenChecker(public, workerID string) (TokenChecker, error) {
	key, err := base64.RawURLEncoding.DecodeString(public)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return TokenChecker{}, errors.New("the key of the workers' tokens is no Ed25519 public key")
	}
	return TokenChecker{key, workerID}, nil
}

// Valid reports whether the token is the worker's. It takes some 50 µs: remember what it said of a
// token that was valid.
func (c TokenChecker) Valid(token string) bool {
	signature, err := base64.RawURLEncoding.DecodeString(token)
	return err == nil && ed25519.Verify(c.public, []byte(tokenContext+c.workerID), signature)
}

// sessionContext sets signatures of sessions apart from tokens.
const sessionContext = "faas worker session 1\x00"

func session(workerID string, binding []byte) []byte {
	return append(append([]byte(sessionContext), binding...), workerID...)
}

// SignSession returns by what the worker's agent knows that one of ours is at the other end of a
// TLS session. binding is keying material of that session (RFC 9266), 32 bytes.
func (k WorkerKey) SignSession(workerID string, binding []byte) string {
	return base64.RawURLEncoding.EncodeToString(ed25519.Sign(k.private, session(workerID, binding)))
}

// ValidSession reports whether SignSession gave the signature. It takes as long as Valid.
func (c TokenChecker) ValidSession(binding []byte, signature string) bool {
	raw, err := base64.RawURLEncoding.DecodeString(signature)
	return err == nil && ed25519.Verify(c.public, session(c.workerID, binding), raw)
}

// Derive returns a key for another purpose, from which this one cannot be computed: whoever has
// the service's secret has it, too.
func (k WorkerKey) Derive(purpose string) ed25519.PrivateKey {
	seed := sha256.Sum256(append([]byte("faas key for "+purpose+"\x00"), k.private.Seed()...))
	return ed25519.NewKeyFromSeed(seed[:])
}
