BEGIN TRANSACTION;
CREATE TABLE allowance (
    no INTEGER NOT NULL,
    process_no INTEGER,
    before_usd FLOAT NOT NULL,
    granted_usd FLOAT NOT NULL,
    PRIMARY KEY (no),
    FOREIGN KEY(process_no) REFERENCES process (no)
);
CREATE TABLE audit (
    no INTEGER NOT NULL,
    at VARCHAR NOT NULL,
    who TEXT NOT NULL,
    action VARCHAR NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL,
    PRIMARY KEY (no)
);
INSERT INTO "audit" VALUES(1,'2026-01-02T03:04:05+00:00','ada','dataset.version','tickets@1.0.0','{"rows":2}');
CREATE TABLE comparison (
    no INTEGER NOT NULL,
    experiment_no INTEGER NOT NULL,
    group_id VARCHAR NOT NULL,
    registration VARCHAR NOT NULL,
    status VARCHAR NOT NULL,
    at VARCHAR NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (no),
    FOREIGN KEY(experiment_no) REFERENCES experiment (no)
);
CREATE TABLE completion (
    no INTEGER NOT NULL,
    cache_key BLOB,
    input_tokens INTEGER,
    output_tokens INTEGER,
    cache_read_tokens INTEGER,
    cache_write_tokens INTEGER,
    reasoning_tokens INTEGER,
    cost_usd FLOAT,
    latency_ms FLOAT,
    ttft_ms FLOAT,
    attempts INTEGER NOT NULL,
    error_kind VARCHAR,
    http_status INTEGER,
    billed VARCHAR,
    rules VARCHAR NOT NULL,
    created_at VARCHAR NOT NULL,
    rendered_hash BLOB,
    finish_reason TEXT,
    model_returned TEXT,
    response_id TEXT,
    error TEXT,
    tool_calls TEXT,
    text TEXT,
    PRIMARY KEY (no)
);
INSERT INTO "completion" VALUES(1,X'3333333333333333333333333333333333333333333333333333333333333333',NULL,NULL,NULL,NULL,NULL,NULL,12.5,NULL,1,NULL,NULL,NULL,'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb','2026-01-02T03:04:05+00:00',NULL,NULL,NULL,NULL,NULL,NULL,'one');
CREATE TABLE dataset (
    no INTEGER NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (no),
    UNIQUE (name)
);
INSERT INTO "dataset" VALUES(1,'tickets');
CREATE TABLE dataset_member (
    version_no INTEGER NOT NULL,
    position INTEGER NOT NULL,
    row_no INTEGER NOT NULL,
    PRIMARY KEY (version_no, position),
    FOREIGN KEY(version_no) REFERENCES dataset_version (no),
    FOREIGN KEY(row_no) REFERENCES "row" (no)
) WITHOUT ROWID
    ;
INSERT INTO "dataset_member" VALUES(1,0,1);
INSERT INTO "dataset_member" VALUES(1,1,2);
CREATE TABLE dataset_tag (
    no INTEGER NOT NULL,
    dataset_no INTEGER NOT NULL,
    version_no INTEGER NOT NULL,
    tag TEXT NOT NULL,
    PRIMARY KEY (no),
    FOREIGN KEY(dataset_no) REFERENCES dataset (no),
    FOREIGN KEY(version_no) REFERENCES dataset_version (no)
);
INSERT INTO "dataset_tag" VALUES(1,1,1,'1.0.0');
CREATE TABLE dataset_version (
    no INTEGER NOT NULL,
    dataset_no INTEGER NOT NULL,
    hash VARCHAR NOT NULL,
    parent VARCHAR,
    author TEXT NOT NULL,
    created_at VARCHAR NOT NULL,
    changelog TEXT NOT NULL,
    rows INTEGER NOT NULL,
    column_names TEXT NOT NULL,
    stamp TEXT,
    PRIMARY KEY (no),
    FOREIGN KEY(dataset_no) REFERENCES dataset (no)
);
INSERT INTO "dataset_version" VALUES(1,1,'abababababababababababababababababababababababababababababababab',NULL,'ada','2026-01-02T03:04:05+00:00','first version, 2 rows',2,'["id","question"]',NULL);
CREATE TABLE experiment (
    no INTEGER NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (no),
    UNIQUE (name)
);
INSERT INTO "experiment" VALUES(1,'tone');
CREATE TABLE floor (
    no INTEGER NOT NULL,
    variant_hash VARCHAR NOT NULL,
    dataset_hash VARCHAR NOT NULL,
    scorer TEXT NOT NULL,
    model TEXT NOT NULL,
    metric TEXT NOT NULL,
    statistic VARCHAR NOT NULL,
    slice TEXT,
    state VARCHAR NOT NULL,
    value FLOAT,
    rows INTEGER NOT NULL,
    repeats FLOAT NOT NULL,
    p_value FLOAT,
    variance FLOAT,
    flip_rate FLOAT,
    delta FLOAT,
    drift_variance FLOAT NOT NULL,
    source VARCHAR NOT NULL,
    seed INTEGER,
    measured_at FLOAT,
    at VARCHAR NOT NULL,
    reason TEXT,
    runs TEXT NOT NULL,
    PRIMARY KEY (no)
);
CREATE TABLE hold (
    experiment_no INTEGER NOT NULL,
    process_no INTEGER NOT NULL,
    since VARCHAR NOT NULL,
    stop VARCHAR,
    concurrency INTEGER,
    most INTEGER,
    waiting TEXT,
    until VARCHAR,
    PRIMARY KEY (experiment_no),
    FOREIGN KEY(experiment_no) REFERENCES experiment (no),
    FOREIGN KEY(process_no) REFERENCES process (no)
);
CREATE TABLE label_move (
    no INTEGER NOT NULL,
    prompt_no INTEGER NOT NULL,
    label TEXT NOT NULL,
    old_hash VARCHAR,
    new_hash VARCHAR NOT NULL,
    who TEXT NOT NULL,
    at VARCHAR NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (no),
    FOREIGN KEY(prompt_no) REFERENCES prompt (no)
);
CREATE TABLE meta (
    "key" VARCHAR NOT NULL,
    value VARCHAR NOT NULL,
    PRIMARY KEY ("key")
);
INSERT INTO "meta" VALUES('readable_from','1');
CREATE TABLE output (
    run_no INTEGER NOT NULL,
    row_no INTEGER NOT NULL,
    repeat INTEGER NOT NULL,
    completion_no INTEGER NOT NULL,
    cached BOOLEAN NOT NULL,
    failed BOOLEAN NOT NULL,
    tokens INTEGER,
    cost_usd FLOAT,
    latency_ms FLOAT,
    ttft_ms FLOAT,
    PRIMARY KEY (run_no, row_no, repeat),
    FOREIGN KEY(run_no) REFERENCES run (no),
    FOREIGN KEY(row_no) REFERENCES "row" (no),
    FOREIGN KEY(completion_no) REFERENCES completion (no)
) WITHOUT ROWID
    ;
INSERT INTO "output" VALUES(1,1,0,1,0,0,NULL,NULL,12.5,NULL);
CREATE TABLE process (
    no INTEGER NOT NULL,
    host TEXT NOT NULL,
    boot VARCHAR NOT NULL,
    uid INTEGER NOT NULL,
    session INTEGER NOT NULL,
    pid INTEGER NOT NULL,
    started VARCHAR NOT NULL,
    beat_at VARCHAR NOT NULL,
    PRIMARY KEY (no)
);
CREATE TABLE prompt (
    no INTEGER NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (no),
    UNIQUE (name)
);
CREATE TABLE prompt_version (
    no INTEGER NOT NULL,
    prompt_no INTEGER NOT NULL,
    hash VARCHAR NOT NULL,
    path TEXT NOT NULL,
    author TEXT NOT NULL,
    created_at VARCHAR NOT NULL,
    commit_hash VARCHAR,
    dirty BOOLEAN,
    text TEXT NOT NULL,
    files TEXT NOT NULL,
    PRIMARY KEY (no),
    FOREIGN KEY(prompt_no) REFERENCES prompt (no)
);
CREATE TABLE queue (
    no INTEGER NOT NULL,
    group_id VARCHAR NOT NULL,
    experiment_no INTEGER,
    command TEXT NOT NULL,
    owner_no INTEGER NOT NULL,
    worker_no INTEGER,
    state VARCHAR NOT NULL,
    queued_at VARCHAR NOT NULL,
    claimed_at VARCHAR,
    ended_at VARCHAR,
    stop VARCHAR,
    reason TEXT,
    PRIMARY KEY (no),
    UNIQUE (group_id),
    FOREIGN KEY(experiment_no) REFERENCES experiment (no),
    FOREIGN KEY(owner_no) REFERENCES process (no),
    FOREIGN KEY(worker_no) REFERENCES process (no)
);
CREATE TABLE registration (
    no INTEGER NOT NULL,
    hash VARCHAR NOT NULL,
    experiment_no INTEGER NOT NULL,
    rules VARCHAR NOT NULL,
    who TEXT NOT NULL,
    at VARCHAR NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (no),
    UNIQUE (hash),
    FOREIGN KEY(experiment_no) REFERENCES experiment (no)
);
CREATE TABLE "row" (
    no INTEGER NOT NULL,
    hash BLOB NOT NULL,
    "key" TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (no),
    UNIQUE (hash)
);
INSERT INTO "row" VALUES(1,X'1111111111111111111111111111111111111111111111111111111111111111','r1','{"id":"r1","question":"What is 1?"}');
INSERT INTO "row" VALUES(2,X'2222222222222222222222222222222222222222222222222222222222222222','r2','{"id":"r2","question":"What is 2?"}');
CREATE TABLE run (
    no INTEGER NOT NULL,
    id VARCHAR NOT NULL,
    group_id VARCHAR NOT NULL,
    experiment_no INTEGER NOT NULL,
    variant TEXT NOT NULL,
    variant_hash VARCHAR NOT NULL,
    slot VARCHAR NOT NULL,
    dataset TEXT NOT NULL,
    dataset_hash VARCHAR NOT NULL,
    registration VARCHAR NOT NULL,
    rules VARCHAR NOT NULL,
    repeats INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    seed INTEGER NOT NULL,
    status VARCHAR NOT NULL,
    created_at VARCHAR NOT NULL,
    started_at VARCHAR,
    ended_at VARCHAR,
    process_no INTEGER,
    who TEXT NOT NULL,
    host TEXT NOT NULL,
    commit_hash VARCHAR,
    dirty BOOLEAN,
    number INTEGER NOT NULL,
    fresh BOOLEAN NOT NULL,
    key_name TEXT,
    key_fingerprint VARCHAR,
    environment TEXT NOT NULL,
    stop_reason TEXT,
    PRIMARY KEY (no),
    UNIQUE (id),
    FOREIGN KEY(experiment_no) REFERENCES experiment (no),
    FOREIGN KEY(process_no) REFERENCES process (no)
);
INSERT INTO "run" VALUES(1,'run-1','g1',1,'long','vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv','main','tickets','abababababababababababababababababababababababababababababababab','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb',1,2,1,'complete','2026-01-02T03:04:05+00:00',NULL,NULL,NULL,'ada','box',NULL,NULL,1,0,NULL,NULL,'{}',NULL);
CREATE TABLE score (
    run_no INTEGER NOT NULL,
    scorer_no INTEGER NOT NULL,
    row_no INTEGER NOT NULL,
    repeat INTEGER NOT NULL,
    "by" TEXT NOT NULL,
    value FLOAT,
    raw FLOAT,
    cost_usd FLOAT,
    at VARCHAR NOT NULL,
    label TEXT,
    error TEXT,
    reason TEXT,
    model_returned TEXT,
    PRIMARY KEY (run_no, scorer_no, row_no, repeat, "by"),
    FOREIGN KEY(run_no, row_no, repeat) REFERENCES output (run_no, row_no, repeat),
    FOREIGN KEY(scorer_no) REFERENCES scorer (no)
) WITHOUT ROWID
    ;
INSERT INTO "score" VALUES(1,1,1,0,'',1.0,NULL,NULL,'2026-01-02T03:04:05+00:00',NULL,NULL,NULL,NULL);
CREATE TABLE scorer (
    no INTEGER NOT NULL,
    fingerprint TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (no),
    UNIQUE (fingerprint)
);
INSERT INTO "scorer" VALUES(1,'exact_match/1','{}');
CREATE TABLE variant (
    no INTEGER NOT NULL,
    hash VARCHAR NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (no),
    UNIQUE (hash)
);
CREATE INDEX audit_subject ON audit (subject, no);
CREATE INDEX completion_cache ON completion (cache_key, no) WHERE cache_key IS NOT NULL;
CREATE INDEX floor_key ON floor (variant_hash, dataset_hash, scorer, metric, statistic, no);
CREATE UNIQUE INDEX process_identity ON process (host, boot, pid, started);
CREATE INDEX ix_row_key ON "row" ("key");
CREATE INDEX comparison_experiment ON comparison (experiment_no, no);
CREATE INDEX ix_comparison_group_id ON comparison (group_id);
CREATE INDEX dataset_version_by_hash ON dataset_version (hash);
CREATE UNIQUE INDEX dataset_version_hash ON dataset_version (dataset_no, hash);
CREATE INDEX label_move_label ON label_move (prompt_no, label, no);
CREATE INDEX ix_prompt_version_hash ON prompt_version (hash);
CREATE UNIQUE INDEX prompt_version_hash ON prompt_version (prompt_no, hash);
CREATE INDEX queue_state ON queue (state, no);
CREATE INDEX ix_registration_experiment_no ON registration (experiment_no);
CREATE INDEX ix_run_group_id ON run (group_id);
CREATE INDEX run_experiment ON run (experiment_no, no);
CREATE INDEX run_status ON run (status, no);
CREATE INDEX run_variant ON run (variant_hash, dataset_hash, no);
CREATE UNIQUE INDEX dataset_member_row ON dataset_member (version_no, row_no);
CREATE UNIQUE INDEX dataset_tag_name ON dataset_tag (dataset_no, tag);
CREATE INDEX dataset_tag_version ON dataset_tag (version_no, no);
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;
CREATE TRIGGER dataset_tag_no_update BEFORE UPDATE ON dataset_tag BEGIN SELECT RAISE(ABORT, 'dataset_tag is append-only'); END;
CREATE TRIGGER dataset_tag_no_delete BEFORE DELETE ON dataset_tag BEGIN SELECT RAISE(ABORT, 'dataset_tag is append-only'); END;
CREATE TRIGGER label_move_no_update BEFORE UPDATE ON label_move BEGIN SELECT RAISE(ABORT, 'label_move is append-only'); END;
CREATE TRIGGER label_move_no_delete BEFORE DELETE ON label_move BEGIN SELECT RAISE(ABORT, 'label_move is append-only'); END;
COMMIT;
PRAGMA application_id=1280137296;
PRAGMA user_version=4;
