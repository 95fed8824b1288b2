package config

import "crypto/tls"

// checkTLS wants both files or none.
func (a API) checkTLS() error {
	if (a.CertFile == "") == (a.KeyFile == "") {
		return nil
	}
	return &Error{Section: "api", Option: "cert_file", Value: a.CertFile, Reason: "must be set together with key_file"}
}

// MinTLS returns the oldest version of TLS that the API speaks.
func (a API) MinTLS() uint16 {
	if a.TLSVersion == "1.3" {
		return tls.VersionTLS13
	}
	return tls.VersionTLS12
}
