"""No module imports itself through others, within a package either, and the architecture page names every module."""

from __future__ import annotations

import grimp

from tests.house.architecture import module_rows


def cycles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the strongly connected components of more than one module, by Tarjan's algorithm without recursion."""
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []
    for root in sorted(graph):
        work = [(root, iter(sorted(graph[root])))] if root not in order else []
        while work:
            module, following = work[-1]
            if module not in order:
                order[module] = lowest[module] = len(order)
                stack.append(module)
            for imported in following:
                if imported not in order:
                    work.append((imported, iter(sorted(graph[imported]))))
                    break
                if imported in stack:
                    lowest[module] = min(lowest[module], order[imported])
            else:
                work.pop()
                if work:
                    lowest[work[-1][0]] = min(lowest[work[-1][0]], lowest[module])
                if lowest[module] == order[module]:
                    component = stack[stack.index(module) :]
                    del stack[stack.index(module) :]
                    if len(component) > 1:
                        found.append(sorted(component))
    return found


def test_cycles_are_found() -> None:
    assert cycles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == [["b", "c"]]
    assert not cycles({"a": {"b", "c"}, "b": {"c"}, "c": set()})


def test_no_module_imports_itself_through_others() -> None:
    """Imports inside functions and for type checkers count too."""
    graph = grimp.build_graph("inalign", cache_dir=None)
    assert not cycles({module: graph.find_modules_directly_imported_by(module) for module in graph.modules})


def test_every_module_is_on_the_architecture_page() -> None:
    named = {name for name, _ in module_rows()}
    assert named == set(grimp.build_graph("inalign", cache_dir=None).modules)
