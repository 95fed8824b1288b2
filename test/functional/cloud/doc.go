// Package cloud drives the service on its real parts: two faas-api and two faas-engine on MariaDB,
// RabbitMQ and Kubernetes, as `make cloud-up` starts them. `make functional` brings that cloud up,
// and its environment names it to these tests.
package cloud
