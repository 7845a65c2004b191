// SPDX-License-Identifier: Apache-2.0
// The commands of ha-manager, one function each, as its table in ha_manager.c names them.
#pragma once

struct arena;
struct cli;
struct error;

int manager_add(struct cli *cli, struct error *err);
int manager_set(struct cli *cli, struct error *err);
int manager_remove(struct cli *cli, struct error *err);
int manager_config(struct cli *cli, struct error *err);

int manager_status(struct cli *cli, struct error *err);
int manager_what_if(struct cli *cli, struct error *err);
int manager_why(struct cli *cli, struct error *err);

int manager_migrate(struct cli *cli, struct error *err);
int manager_relocate(struct cli *cli, struct error *err);
int manager_stop(struct cli *cli, struct error *err);
int manager_maintenance_enable(struct cli *cli, struct error *err);
int manager_maintenance_disable(struct cli *cli, struct error *err);
int manager_disarm(struct cli *cli, struct error *err);
int manager_arm(struct cli *cli, struct error *err);

int manager_group_add(struct cli *cli, struct error *err);
int manager_group_set(struct cli *cli, struct error *err);
int manager_group_remove(struct cli *cli, struct error *err);
int manager_group_config(struct cli *cli, struct error *err);

int manager_rules_list(struct cli *cli, struct error *err);
int manager_rules_config(struct cli *cli, struct error *err);
int manager_rules_add(struct cli *cli, struct error *err);
int manager_rules_set(struct cli *cli, struct error *err);
int manager_rules_remove(struct cli *cli, struct error *err);
