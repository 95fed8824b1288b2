package clusteraccess

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
)

// newRequest makes a key and the request for a client's certificate, both in PEM.
func newRequest(user, group string) (request string, key []byte, err error) {
	made, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", nil, err
	}
	extensions, err := clientExtensions()
	if err != nil {
		return "", nil, err
	}
	subject := pkix.Name{CommonName: user, Organization: []string{group}} //nolint:misspell // a name of Go's
	der, err := x509.CreateCertificateRequest(
		rand.Reader, &x509.CertificateRequest{Subject: subject, ExtraExtensions: extensions}, made,
	)
	if err != nil {
		return "", nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(made)
	if err != nil {
		return "", nil, err
	}
	return string(encode("CERTIFICATE REQUEST", der)), encode("PRIVATE KEY", secret), nil
}

// clientExtensions ask for a certificate that is good for a client and nothing else. Magnum copies
// them.
func clientExtensions() ([]pkix.Extension, error) {
	usage, err := asn1.Marshal(asn1.BitString{Bytes: []byte{0x80}, BitLength: 1}) // digitalSignature
	if err != nil {
		return nil, err
	}
	client, err := asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 2}}) // clientAuth
	if err != nil {
		return nil, err
	}
	return []pkix.Extension{
		{Id: asn1.ObjectIdentifier{2, 5, 29, 15}, Critical: true, Value: usage},
		{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Value: client},
	}, nil
}
