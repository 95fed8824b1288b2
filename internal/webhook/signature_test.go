package webhook

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// The examples that the schemes' own documents and libraries have.
const (
	githubSecret    = "It's a Secret to Everybody"
	githubBody      = "Hello, World!"
	githubSignature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"

	standardSecret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	standardID        = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	standardStamp     = 1614265330
	standardBody      = `{"test": 2432232314}`
	standardSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
)

func headers(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return h
}

func standardHeaders() http.Header {
	return headers(
		"webhook-id", standardID, "webhook-timestamp", strconv.Itoa(standardStamp), "webhook-signature", standardSignature,
	)
}

func TestGitHubSignatures(t *testing.T) {
	const other = faas.Secret("another secret of the same webhook")
	for what, c := range map[string]struct {
		secrets []faas.Secret
		h       http.Header
		body    string
		want    error
	}{
		"as documented":     {[]faas.Secret{githubSecret}, headers(githubHeader, githubSignature), githubBody, nil},
		"by the one before": {[]faas.Secret{other, githubSecret}, headers(githubHeader, githubSignature), githubBody, nil},
		"by another":        {[]faas.Secret{other}, headers(githubHeader, githubSignature), githubBody, errForged},
		"another body": {
			[]faas.Secret{githubSecret}, headers(githubHeader, githubSignature), githubBody + " ", errForged,
		},
		"none":  {[]faas.Secret{githubSecret}, headers(), githubBody, errNoSignature},
		"empty": {[]faas.Secret{githubSecret}, headers(githubHeader, ""), githubBody, errNoSignature},
		"two": {
			[]faas.Secret{githubSecret}, headers(githubHeader, "sha256=00", githubHeader, githubSignature), githubBody,
			errNoSignature,
		},
		"SHA-1": {
			[]faas.Secret{githubSecret}, headers("X-Hub-Signature", githubSignature), githubBody, errNoSignature,
		},
		"without its name": {
			[]faas.Secret{githubSecret}, headers(githubHeader, githubSignature[7:]), githubBody, errMalformed,
		},
		"of no length": {[]faas.Secret{githubSecret}, headers(githubHeader, "sha256="), githubBody, errForged},
		"cut": {
			[]faas.Secret{githubSecret}, headers(githubHeader, githubSignature[:21]), githubBody, errForged,
		},
		"no digits":           {[]faas.Secret{githubSecret}, headers(githubHeader, "sha256=xyz"), githubBody, errMalformed},
		"no secret to try it": {nil, headers(githubHeader, githubSignature), githubBody, errForged},
	} {
		if err := Verify(faas.SignatureGitHub, c.secrets, c.h, []byte(c.body), time.Now()); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", what, err, c.want)
		}
	}
}

func TestStandardSignatures(t *testing.T) {
	const other = faas.Secret("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	sent := time.Unix(standardStamp, 0)
	with := func(name, value string) http.Header {
		h := standardHeaders()
		h.Set(name, value)
		return h
	}
	without := func(name string) http.Header {
		h := standardHeaders()
		h.Del(name)
		return h
	}
	for what, c := range map[string]struct {
		secret faas.Secret
		h      http.Header
		now    time.Time
		want   error
	}{
		"as the libraries have it": {standardSecret, standardHeaders(), sent, nil},
		"without the prefix": {
			faas.Secret(strings.TrimPrefix(standardSecret, secretPrefix)), standardHeaders(), sent, nil,
		},
		"at the end of time": {standardSecret, standardHeaders(), sent.Add(Tolerance), nil},
		"from a clock ahead": {standardSecret, standardHeaders(), sent.Add(-Tolerance), nil},
		"replayed":           {standardSecret, standardHeaders(), sent.Add(Tolerance + time.Second), errStale},
		"from the future":    {standardSecret, standardHeaders(), sent.Add(-Tolerance - time.Second), errStale},
		"replayed with a new time": {
			standardSecret, with(timestampHeader, strconv.Itoa(standardStamp+600)), sent.Add(10 * time.Minute), errForged,
		},
		"another message's id": {standardSecret, with(idHeader, "msg_2"), sent, errForged},
		"another secret":       {other, standardHeaders(), sent, errForged},
		"one of several":       {standardSecret, with(signatureHeader, "v1,AAAA v1a,xyz "+standardSignature), sent, nil},
		"too many": {
			standardSecret, with(signatureHeader, strings.Repeat("v1,AAAA ", maxSignatures)+standardSignature), sent,
			errMalformed,
		},
		"of another version":  {standardSecret, with(signatureHeader, "v2,"+standardSignature[3:]), sent, errForged},
		"an id with a dot":    {standardSecret, with(idHeader, "msg.1"), sent, errMalformed},
		"a long id":           {standardSecret, with(idHeader, strings.Repeat("m", maxMessageID+1)), sent, errMalformed},
		"a time with a sign":  {standardSecret, with(timestampHeader, "+1614265330"), sent, errMalformed},
		"a time with zeros":   {standardSecret, with(timestampHeader, "01614265330"), sent, errMalformed},
		"no time":             {standardSecret, with(timestampHeader, "soon"), sent, errMalformed},
		"without an id":       {standardSecret, without(idHeader), sent, errNoSignature},
		"without a time":      {standardSecret, without(timestampHeader), sent, errNoSignature},
		"without a signature": {standardSecret, without(signatureHeader), sent, errNoSignature},
	} {
		err := Verify(faas.SignatureStandard, []faas.Secret{c.secret}, c.h, []byte(standardBody), c.now)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", what, err, c.want)
		}
	}
}

// A request must not be taken because nobody knows how to check it.
func TestAnUnknownSchemeIsRefused(t *testing.T) {
	if err := Verify("newer", []faas.Secret{githubSecret}, headers(), nil, time.Now()); err == nil {
		t.Error("taken")
	}
}

func TestSigningSecretsAreChecked(t *testing.T) {
	made := NewSigningSecret()
	if made == NewSigningSecret() {
		t.Error("two secrets are the same")
	}
	for _, c := range []struct {
		scheme faas.SignatureScheme
		secret string
		good   bool
	}{
		{faas.SignatureStandard, made.Reveal(), true}, {faas.SignatureGitHub, made.Reveal(), true},
		{faas.SignatureStandard, standardSecret, true}, {faas.SignatureGitHub, githubSecret, true},
		{faas.SignatureStandard, "", false}, {faas.SignatureGitHub, "", false},
		{faas.SignatureStandard, "whsec_c2hvcnQ=", false}, {faas.SignatureGitHub, "short", false},
		{faas.SignatureStandard, githubSecret, false}, {faas.SignatureGitHub, "with a line break\n", false},
		{faas.SignatureStandard, secretPrefix + strings.Repeat("AAAA", 100), false},
		{faas.SignatureGitHub, strings.Repeat("a", 256), false},
	} {
		if wrong := CheckSigningSecret(c.scheme, faas.Secret(c.secret)); (wrong == "") != c.good {
			t.Errorf("%s with %q: %q", c.scheme, c.secret, wrong)
		}
	}
}
