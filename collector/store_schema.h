/* The tables, one version after another; collector/store.c opens only the version it knows. */
#ifndef SEKISHO_COLLECTOR_STORE_SCHEMA_H
#define SEKISHO_COLLECTOR_STORE_SCHEMA_H

enum { STORE_SCHEMA_VERSION = 1 };

/* One script, run in a transaction on an empty database. */
extern const char STORE_SCHEMA[];

#endif
