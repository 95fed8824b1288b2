// Package config is the configuration of the services: one struct per binary, made of the sections
// that they share. Each option is a field whose tags carry its name, default, bounds and help, so
// that reading, checking, printing and the sample file come from one place and cannot drift apart.
//
// Values come in layers, each over the one before: the defaults, the file, the environment
// (FAAS_<SECTION>_<OPTION>) and the command line. Durations are whole seconds and sizes whole
// bytes, as everywhere in OpenStack.
package config
