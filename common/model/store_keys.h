// SPDX-License-Identifier: Apache-2.0
// The names under which things are kept in the replicated store, in one place. Keys below "live/"
// are volatile: they are replicated but never written to disk.
//
//   resource/<sid>      section text        what the operator wants           resources.h
//   config/rules        section file        affinity rules
//   config/groups       section file        older groups
//   config/group-view   section file        groups as a view of rules         cli/group_view.h
//   config/datacenter   key: value lines    options                           options.h
//   config/fence        section file        fence devices                     fence_config.h
//   config/notifications  section file    who is told of events                notify_config.h
//   secret/notify/<target>  text           their secrets; never shown           notify_config.h
//   secret/fence/<device>  key=value lines  their passwords; never shown      fence_config.h
//   access/user/<user@realm>, access/group/<name>, access/token/<user@realm>!<id>,
//   access/role/<name>, access/acl     JSON  who may use the API, and for what   api/auth/rights.h
//   secret/user/<user@realm>, secret/token/<user@realm>!<id>, secret/ticket-keys   hashes and keys
//                                            of these; never shown
//   config/corosync     text                corosync.conf for all nodes       corosync_conf.h
//   cluster/profile     text                the timing profile of all nodes   timing.h
//   guest/<sid>         JSON                definition and place of a guest   guest.h
//   storage/<id>        section text        where guests' volumes are
//   manager/status      JSON                the master's view of the nodes    manager_status.h
//   service/<sid>       JSON                the master's record of a service  service.h
//   command/<id>        JSON                operators' commands               command.h
//   history/<number>    JSON                what was decided and changed      history.h
//   live/answer/<id>    JSON                and what became of them
//   live/master         JSON {"node","timestamp"}   the master's sign of life
//   live/lrm/<node>     JSON                an LRM's status                   lrm_status.h
//   live/result/<node>/<sid>  JSON          how its last task for a service ended   lrm_status.h
//   live/load/<node>    JSON                what a node can carry, and carries  node_load.h
//   live/node/<node>    JSON                what a node and its guests use now  node_figures.h
//   live/api/<node>     JSON                where its API is, and its certificate  docs/api.md
//   live/storage/<node> JSON                how a node finds its storages        storage_state.h
//   live/fence/<device> JSON                the last test of a fence device   fence_trial.h
//   live/version/<node> text                the version of the software there
//   live/profile/<node> text                the timing profile that the node runs with
//   live/corosync/<node>  JSON {"config_version"}  of the corosync.conf that the node has on disk
//   live/disk/<node>    low, full or slow   the disk below the store there; absent: it is well
//   live/move/<sid>     JSON                a live move that is offered to another node vm_offer.h
//   live/arrival/<sid>  JSON                and how far that node is with it
//   live/api/<node>     JSON {address, port, fingerprint}  where its API is, and its certificate
//   live/task/<node>    JSON                its tasks that run and the newest that have ended
//   live/notify/<target>  text             how far of the history it was told docs/notifications.md
//   live/inquiry        text                an id: all nodes are asked to examine themselves,
//   live/check/<node>   JSON                and this is what they found     cluster/self_report.h
#pragma once

#define STORE_KEY_RULES           "config/rules"
#define STORE_KEY_GROUPS          "config/groups"
#define STORE_KEY_GROUP_VIEW      "config/group-view"
#define STORE_KEY_DATACENTER      "config/datacenter"
#define STORE_KEY_FENCE           "config/fence"
#define STORE_KEY_NOTIFICATIONS   "config/notifications"
#define STORE_KEY_COROSYNC        "config/corosync"
#define STORE_KEY_CLUSTER_PROFILE "cluster/profile"
#define STORE_KEY_MANAGER_STATUS  "manager/status"
#define STORE_KEY_LIVE_MASTER     "live/master"
#define STORE_KEY_LIVE_INQUIRY    "live/inquiry"
#define STORE_KEY_ACL             "access/acl"
#define STORE_KEY_TICKET_KEYS     "secret/ticket-keys"

#define STORE_PREFIX_RESOURCE      "resource/"
#define STORE_PREFIX_GUEST         "guest/"
#define STORE_PREFIX_STORAGE       "storage/"
#define STORE_PREFIX_SERVICE       "service/"
#define STORE_PREFIX_COMMAND       "command/"
#define STORE_PREFIX_HISTORY       "history/"
#define STORE_PREFIX_ANSWER        "live/answer/"
#define STORE_PREFIX_LRM           "live/lrm/"
#define STORE_PREFIX_RESULT        "live/result/"
#define STORE_PREFIX_LOAD          "live/load/"
#define STORE_PREFIX_LIVE_NODE     "live/node/"
#define STORE_PREFIX_LIVE_API      "live/api/"
#define STORE_PREFIX_LIVE_STORAGE  "live/storage/"
#define STORE_PREFIX_FENCE_SECRET  "secret/fence/"
#define STORE_PREFIX_NOTIFY_SECRET "secret/notify/"
#define STORE_PREFIX_LIVE_NOTIFY   "live/notify/"
#define STORE_PREFIX_SECRET        "secret/"
#define STORE_PREFIX_USER_SECRET   "secret/user/"
#define STORE_PREFIX_TOKEN_SECRET  "secret/token/"
#define STORE_PREFIX_ACCESS        "access/"
#define STORE_PREFIX_USER          "access/user/"
#define STORE_PREFIX_USER_GROUP    "access/group/"
#define STORE_PREFIX_TOKEN         "access/token/"
#define STORE_PREFIX_ROLE          "access/role/"
#define STORE_PREFIX_LIVE_FENCE    "live/fence/"
#define STORE_PREFIX_NODE_VERSION  "live/version/"
#define STORE_PREFIX_LIVE_COROSYNC "live/corosync/"
#define STORE_PREFIX_LIVE_PROFILE  "live/profile/"
#define STORE_PREFIX_LIVE_DISK     "live/disk/"
#define STORE_PREFIX_LIVE_CHECK    "live/check/"
#define STORE_PREFIX_LIVE_MOVE     "live/move/"
#define STORE_PREFIX_LIVE_ARRIVAL  "live/arrival/"
#define STORE_PREFIX_LIVE_API      "live/api/"
#define STORE_PREFIX_LIVE_TASK     "live/task/"
#define STORE_PREFIX_VOLATILE      "live/"

// Lease names, as the reference system has them.
#define LEASE_MANAGER      "ha_manager_lock"
#define LEASE_AGENT_FORMAT "ha_agent_%s_lock" // node
#define LEASE_AGENT_PREFIX "ha_agent_"        // of all of them
#define LEASE_AGENT_SUFFIX "_lock"            // likewise
