# SPDX-License-Identifier: Apache-2.0
# Completion for ha-manager, ha-guest and ha-cluster in bash. The tools know their own words: they are asked
# with what was typed so far and answer one candidate a line.

_ha_tools() {
    local cur words cword line
    COMPREPLY=()
    if declare -F _get_comp_words_by_ref >/dev/null; then
        # ct:100 is one word.
        _get_comp_words_by_ref -n : cur words cword
    else
        cur=${COMP_WORDS[COMP_CWORD]} words=("${COMP_WORDS[@]}") cword=$COMP_CWORD
    fi
    while IFS= read -r line; do
        COMPREPLY+=("$line")
    done < <("${words[0]}" complete-words "${words[@]:1:cword}" 2>/dev/null)
    if declare -F __ltrim_colon_completions >/dev/null; then
        __ltrim_colon_completions "$cur"
    fi
}

complete -F _ha_tools ha-manager ha-guest ha-cluster
