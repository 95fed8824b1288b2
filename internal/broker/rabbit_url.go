package broker

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The ports of AMQP, without and with TLS.
const (
	plainPort = "5672"
	tlsPort   = "5671"
)

// ParseTransportURL reads a transport_url as oslo.messaging does:
//
//	rabbit://user:password@host1:5672,user:password@host2:5672/vhost?ssl=1
//
// and the options of [oslo_messaging_rabbit]; those in the URL's query go first. Options that mean
// nothing here are passed over, since operators share the section between services. Either every
// host has a user or none, which then is guest. No error repeats any part of the URL.
func ParseTransportURL(transport string, options map[string]string) (Config, error) {
	scheme, rest, found := strings.Cut(transport, "://")
	if !found || !slices.Contains([]string{"rabbit", "kombu", "amqp"}, scheme) {
		return Config{}, errors.New("transport_url: must begin with rabbit://")
	}
	rest, query, _ := strings.Cut(rest, "?")
	hosts, path, _ := strings.Cut(rest, "/")
	var c Config
	if err := c.read(options); err != nil {
		return Config{}, err
	}
	inURL, err := url.ParseQuery(query)
	if err != nil {
		return Config{}, errors.New("transport_url: the part after ? cannot be read")
	}
	first := map[string]string{}
	for name := range inURL {
		first[name] = inURL.Get(name)
	}
	if err := c.read(first); err != nil {
		return Config{}, err
	}
	if c.VHost, err = url.PathUnescape(path); err != nil {
		return Config{}, errors.New("transport_url: the virtual host cannot be read")
	}
	c.Hosts, err = parseHosts(hosts, c.SSL)
	return c, err
}

// read takes what it knows of the section's options.
func (c *Config) read(options map[string]string) error {
	for name, value := range options {
		var err error
		value = strings.TrimSpace(value)
		switch name {
		case "ssl", "rabbit_use_ssl":
			c.SSL, err = parseBool(value)
		case "ssl_ca_file", "kombu_ssl_ca_certs":
			c.CAFile = value
		case "ssl_cert_file", "kombu_ssl_certfile":
			c.CertFile = value
		case "ssl_key_file", "kombu_ssl_keyfile":
			c.KeyFile = value
		case "heartbeat_timeout_threshold":
			c.Heartbeat, err = parseSeconds(value)
		case "rabbit_retry_interval":
			c.RetryInterval, err = parseSeconds(value)
		case "rabbit_retry_backoff":
			c.RetryBackoff, err = parseSeconds(value)
		case "rabbit_interval_max":
			c.RetryMax, err = parseSeconds(value)
		}
		if err != nil {
			return fmt.Errorf("oslo_messaging_rabbit: %s: %w", name, err)
		}
	}
	return nil
}

func parseBool(value string) (bool, error) {
	switch strings.ToLower(value) {
	case "1", "true", "yes", "on":
		return true, nil
	case "0", "false", "no", "off", "":
		return false, nil
	}
	return false, errors.New("must be true or false")
}

func parseSeconds(value string) (time.Duration, error) {
	n, err := strconv.ParseFloat(value, 64)
	if err != nil || !(n >= 0 && n <= 86400) {
		return 0, errors.New("must be a number of seconds, from 0 to 86400")
	}
	return time.Duration(n * float64(time.Second)), nil
}

// parseHosts reads user:password@host:port,…
func parseHosts(list string, ssl bool) ([]Host, error) {
	var hosts []Host
	for _, one := range strings.Split(list, ",") {
		h, err := parseHost(one, ssl)
		if err != nil {
			return nil, err
		}
		hosts = append(hosts, h)
	}
	for i := range hosts {
		if (hosts[i].User == "") != (hosts[0].User == "") {
			return nil, errors.New("transport_url: either every host has a user and password or none")
		}
	}
	for i := range hosts {
		if hosts[i].User == "" {
			hosts[i].User, hosts[i].Password = "guest", NewSecret("guest")
		}
	}
	return hosts, nil
}

func parseHost(text string, ssl bool) (Host, error) {
	var h Host
	address := text
	if at := strings.LastIndexByte(text, '@'); at >= 0 {
		name, password, _ := strings.Cut(text[:at], ":")
		user, err1 := url.PathUnescape(name)
		plain, err2 := url.PathUnescape(password)
		if err1 != nil || err2 != nil || user == "" {
			return h, errors.New("transport_url: a user or password cannot be read; reserved characters are written as %XX")
		}
		h.User, h.Password, address = user, NewSecret(plain), text[at+1:]
	}
	port := plainPort
	if ssl {
		port = tlsPort
	}
	host := address
	if colon := strings.LastIndexByte(address, ':'); colon > strings.LastIndexByte(address, ']') {
		host, port = address[:colon], address[colon+1:]
	}
	if len(host) > 1 && host[0] == '[' && host[len(host)-1] == ']' {
		host = host[1 : len(host)-1]
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || host == "" ||
		strings.ContainsAny(host, "@/[] ") {
		return h, errors.New("transport_url: each host must be user:password@host:port")
	}
	h.Address = net.JoinHostPort(host, port)
	return h, nil
}
