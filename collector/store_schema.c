#include "collector/store_schema.h"

const char STORE_SCHEMA[] =
        "CREATE TABLE terminals("
        " id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, ueid TEXT NOT NULL UNIQUE, key TEXT "
        "NOT NULL,"
        " key_id TEXT NOT NULL UNIQUE, certificate TEXT NOT NULL, enrolled INTEGER NOT NULL) "
        "STRICT;"

        "CREATE TABLE tokens("
        " hash TEXT PRIMARY KEY, name TEXT, expires INTEGER NOT NULL, used INTEGER) STRICT, "
        "WITHOUT ROWID;"

        "CREATE TABLE reports("
        " terminal INTEGER NOT NULL REFERENCES terminals(id), seq INTEGER NOT NULL, digest TEXT "
        "NOT NULL,"
        " received INTEGER NOT NULL, answered INTEGER NOT NULL, chain_count INTEGER NOT NULL,"
        " chain_hash TEXT NOT NULL, state_digest TEXT NOT NULL, jws TEXT NOT NULL,"
        " PRIMARY KEY(terminal, seq)) STRICT, WITHOUT ROWID;"
        "CREATE INDEX reports_answered ON reports(terminal, received) WHERE answered = 1;"

        /* A terminal whose journal was rewritten sends a sequence number twice: both lines are
           kept. */
        "CREATE TABLE events("
        " terminal INTEGER NOT NULL REFERENCES terminals(id), seq INTEGER NOT NULL, report INTEGER "
        "NOT NULL,"
        " position INTEGER NOT NULL, line TEXT NOT NULL,"
        " PRIMARY KEY(terminal, seq, report, position)) STRICT, WITHOUT ROWID;"

        "CREATE TABLE states("
        " terminal INTEGER NOT NULL REFERENCES terminals(id), report INTEGER NOT NULL, digest TEXT "
        "NOT NULL,"
        " json TEXT NOT NULL, PRIMARY KEY(terminal, report)) STRICT, WITHOUT ROWID;"

        "CREATE TABLE breaks("
        " terminal INTEGER NOT NULL REFERENCES terminals(id), report INTEGER NOT NULL, seq INTEGER "
        "NOT NULL,"
        " cause TEXT NOT NULL, line TEXT, received INTEGER NOT NULL, PRIMARY KEY(terminal, report))"
        " STRICT, WITHOUT ROWID;"

        "CREATE TABLE clones("
        " terminal INTEGER NOT NULL REFERENCES terminals(id), seq INTEGER NOT NULL, digest TEXT "
        "NOT NULL,"
        " jws TEXT NOT NULL, peer TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,"
        " PRIMARY KEY(terminal, seq, digest)) STRICT, WITHOUT ROWID;"

        "CREATE TABLE clearances("
        " terminal INTEGER NOT NULL REFERENCES terminals(id), time INTEGER NOT NULL, who TEXT NOT "
        "NULL) STRICT;"
        "CREATE INDEX clearances_terminal ON clearances(terminal, time);"

        "CREATE TABLE nonces("
        " id INTEGER PRIMARY KEY AUTOINCREMENT, terminal INTEGER NOT NULL REFERENCES terminals(id),"
        " kind INTEGER NOT NULL, nonce TEXT NOT NULL UNIQUE, issued INTEGER NOT NULL) STRICT;"
        "CREATE INDEX nonces_terminal ON nonces(terminal, kind, id);"

        "CREATE TABLE refusals("
        " id INTEGER PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL, count INTEGER NOT "
        "NULL,"
        " peer TEXT NOT NULL, terminal TEXT, reason TEXT NOT NULL, detail TEXT NOT NULL) STRICT;"
        "CREATE INDEX refusals_terminal ON refusals(terminal, last);"
        "CREATE INDEX refusals_peer ON refusals(peer, reason, first);";
